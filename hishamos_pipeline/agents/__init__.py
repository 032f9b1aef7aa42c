"""The roles: their tasks with questions and answers, their tools, and the interface of whoever answers.

Uses core, prompts and the store's records of tools; used by the engines and whatever asks them.
"""
