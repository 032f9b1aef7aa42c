"""What Dagster gives to assets and sensors: its home, the services of a run, its executor, its own runs.

Uses generation and operations; used by assets, jobs and sensors.
"""
