"""How the functions' layers are built: locked wheels, less what is left out, for any Python."""
