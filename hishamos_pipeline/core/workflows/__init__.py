"""Workflows as pure data and rules: definitions, expressions, what a run does next. No storage, clock or process."""
