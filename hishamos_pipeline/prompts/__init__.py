"""The prompts: templates by role and task, with versions.

Uses core; used by whatever asks models.
"""
