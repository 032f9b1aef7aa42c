"""Workflows at work: what each type of steps does, workers that do them, and what they wait for."""
