"""From what people write to ideas: briefs in Markdown, YAML and JSON, and the inbox.

Uses core and the store; used by application, operations and the inbox's sensor.
"""
