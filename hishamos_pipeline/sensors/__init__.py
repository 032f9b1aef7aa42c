"""Dagster's sensors: each decides from the store, in a bounded tick.

Thin; uses application, operations and resources; used by the definitions.
"""
