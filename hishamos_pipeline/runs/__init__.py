"""Runs of jobs in this process, and checks of Dagster itself.

Uses the definitions; used by the command.
"""
