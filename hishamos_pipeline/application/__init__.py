"""The use cases: one function for each wish that somebody has, whichever door it comes through.

A use case takes the services, the actor and a typed command; it checks the input, makes its effect with the audit entry
and the event in one transaction, and returns a frozen view. Doors (the command line, sensors, later the API and the
console) are thin: they read an input, call one function, and show its view. ``--json`` prints the view as it is.
"""
