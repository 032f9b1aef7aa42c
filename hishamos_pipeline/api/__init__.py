"""The REST API: a door like the command line, over ``application``; it decides nothing by itself.

It may use ``application`` and what is below, and is used by ``hishamos serve api``.
"""
