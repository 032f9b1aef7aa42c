"""The model gateway: admission, prices, retries and the wire, whichever the provider.

Start with ``gateway``. Importing this package, or ``gateway``, imports neither a provider's SDK nor pydantic-ai;
``wire`` and ``providers`` do, and are imported when a model is asked.

Uses core and settings; used by authoring and the tasks of agents.
"""
