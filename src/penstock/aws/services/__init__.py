"""AWS's own services, as all adapters use them: clients, tables, parameters, uploads."""
