"""The model gateway: one request type in, one result out.

Start with ``gateway``. Importing this package, or ``gateway``, imports neither a provider's SDK nor pydantic-ai;
``wire`` and ``providers`` do, and are imported when a model is asked.
"""
