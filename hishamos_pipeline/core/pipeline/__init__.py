"""What the pipeline goes by: its graph, staleness, rule sets, batches, spending, retention."""
