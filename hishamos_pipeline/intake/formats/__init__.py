"""Formats that people have their requirements in: each module makes Markdown of one of them, which is then read."""
