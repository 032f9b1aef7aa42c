"""HishamOS: an idea goes in, a verified repository comes out."""

__version__ = "0.1.0"
