"""The ``hishamos`` command: reads arguments, calls one use case, shows its view.

Thin; uses application, and runs for builds in this process.
"""
