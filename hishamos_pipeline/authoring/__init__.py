"""The engine that asks models: prompts in, drafts out, documents assembled and validated by code.

Uses the model gateway, the prompts and what it shares with the blueprints; used by the services.
"""
