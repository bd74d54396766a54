"""Drives the canary of a release through its steps, by the verdicts of the judge."""
