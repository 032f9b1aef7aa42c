"""The domain: documents, ids, hashes, the graph, staleness, rule sets, actors, and rules across artifacts.

Uses nothing but the errors; used by everything.
"""
