"""Penstock: any slice of a tenant's dataset, streamed from a URL."""

__version__ = "0.1.0"
