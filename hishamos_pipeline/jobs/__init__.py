"""Dagster's jobs.

Uses the assets; used by sensors, definitions and the command.
"""
