"""Whoever operates the installation in tests, and the password of everybody else."""

from hishamos_pipeline.core.actor import this_user

PASSWORD = "correct horse battery staple"
OPERATOR = this_user("root")
