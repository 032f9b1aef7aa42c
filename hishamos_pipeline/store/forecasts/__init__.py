"""What builds were foretold to cost, and what they have cost."""
