"""What is known of the recorded project."""

CALLS = 16
