"""The cleanup: what may go, kind by kind, and the report of what went."""
