"""Sending: an answer goes out as fast as its client takes it, whole or visibly broken."""
