"""Sending: an answer goes out as fast as its client takes it, and breaks off visibly."""
