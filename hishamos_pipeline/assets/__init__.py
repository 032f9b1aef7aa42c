"""The Dagster assets: each shows what the step runner has made, and its checks judge it.

Thin; uses generation and application; used by the definitions.
"""
