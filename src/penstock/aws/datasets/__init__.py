"""Datasets and results as objects in S3."""
