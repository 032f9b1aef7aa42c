"""Kinds of project: what each has of its own, and what both engines share of it.

Uses core and the tasks of the roles; used by the blueprints, authoring and verification.
"""
