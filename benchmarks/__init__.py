"""Measurements of speed and size: ratios, side by side in one run. ``make bench`` writes docs/benchmarks.md."""
