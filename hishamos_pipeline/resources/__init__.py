"""What Dagster gives to assets and sensors: the services of a run, its executor, and Dagster's own runs and backfills.

Uses generation and operations; used by assets, jobs and sensors.
"""
