"""A project in work: staleness, states, exports, the step runner, producers of each artifact, units and repair.

Uses the engines' interface, verification, delivery and the store; used by changing, operations and application.
"""
