"""File trees on disk: paths that are checked, publishing by one rename, and the storage besides.

Uses core and settings; used by generation and delivery.
"""
