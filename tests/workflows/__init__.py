"""Workflows at work: what steps do, who does them, and what they wait for."""
