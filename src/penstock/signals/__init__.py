"""Signals: ways for hints about jobs, which a laptop and a stack on AWS have in common."""
