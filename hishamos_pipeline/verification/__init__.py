"""The checks of a generated tree: read, run, and tried against empty bodies and planted mistakes.

Uses the sandbox and toolchains; used by generation.
"""
