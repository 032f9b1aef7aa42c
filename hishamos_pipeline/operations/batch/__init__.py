"""Batches: choosing their projects, moving them along, and comparing two."""
