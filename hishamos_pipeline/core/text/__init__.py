"""Text and names: hashes, ids, secrets, shapes, Python that is only read, and text that nobody vouches for."""
