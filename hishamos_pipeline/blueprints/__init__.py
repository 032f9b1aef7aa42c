"""The engine that needs no key: reads briefs by rules, plans, and renders templates.

Uses core, the stacks, intake's attributes and the tasks of the roles; used by the services.
"""
