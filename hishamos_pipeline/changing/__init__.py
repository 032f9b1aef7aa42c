"""What people change: edits, changes in a sentence, proposals against edits, revisions compared, and forecasts.

Uses generation and the store; used by application.
"""
