"""Dagster's jobs and its home.

Uses the assets; used by sensors, definitions and the command.
"""
