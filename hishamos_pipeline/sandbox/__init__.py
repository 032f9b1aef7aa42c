"""Where generated code runs, and what it cannot do there.

Uses the errors alone; used by verification and toolchains.
"""
