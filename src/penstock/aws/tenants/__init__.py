"""Tenants in Parameter Store, their keys and their receipts in DynamoDB."""
