"""People and what they may do: passwords, second factors, tokens, and the policy.

It may use the store and the settings. ``application`` asks it for every use case; no door decides by itself.
"""
