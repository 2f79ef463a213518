"""What Penstock speaks of: tenants, datasets, slices, formats, keys, signatures and receipts."""
