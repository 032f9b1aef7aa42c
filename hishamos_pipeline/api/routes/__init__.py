"""The routes, by resource; each is one call of a use case."""
