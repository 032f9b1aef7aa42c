"""What leaves the pipeline: Git histories, archives, and publications on Git hosts.

Uses core, settings and the workspace; used by generation's producers and the intake of issues.
"""
