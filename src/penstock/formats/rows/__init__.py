"""Columns of a batch turned into text, and that text woven into rows: what text formats share."""
