"""The front: what every request passes before its route, whatever it asks for."""
