"""Transfers: bytes come over broken connections, whole and compared with their receipt."""
