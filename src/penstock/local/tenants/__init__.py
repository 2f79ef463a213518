"""Tenants, their keys and their receipts, in a home folder."""
