"""Datasets and results as files below a home folder."""
