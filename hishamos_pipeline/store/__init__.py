"""The project store: a folder for each noun, its tables beside its repository; frozen records come out, never rows.

Uses core; used by everything above it.
"""
