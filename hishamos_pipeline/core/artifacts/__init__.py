"""What the steps hand on: the documents, their items, how these are edited, kept apart, covered and traced."""
