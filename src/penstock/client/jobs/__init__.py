"""Jobs of a service: begun, watched and fetched through its JSON API."""
