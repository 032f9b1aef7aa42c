"""The engine that needs no key: reads briefs by rules, plans, and renders templates.

Uses core, intake's attributes and the tasks of the roles; used by the services, and in parts by authoring.
"""
