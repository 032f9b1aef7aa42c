"""What runs for weeks: heartbeats, notifications, cleanup, metrics, logs, traces, batches and ideas from issues.

Uses generation and the store; used by application, resources and sensors.
"""
