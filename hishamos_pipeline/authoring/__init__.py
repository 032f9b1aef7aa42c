"""The engine that asks models: prompts in, drafts out, documents assembled and validated by code.

Uses the model gateway, the prompts and the stacks; used by the services.
"""
