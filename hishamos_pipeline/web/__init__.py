"""Reaching out: requests to addresses that somebody has named, and pages as text."""
