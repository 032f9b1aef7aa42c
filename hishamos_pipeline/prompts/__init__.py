"""The prompts of the roles: one file for each task, one for each role's system prompt, and their versions."""
