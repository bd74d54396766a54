"""Decides whether the canary of a rollout is worse than the stable version: pure functions of counts."""
