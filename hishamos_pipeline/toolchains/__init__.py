"""What generated code is run with: declared dependencies, vetted, resolved, installed and kept by hash.

Uses the sandbox; used by generation and verification.
"""
