"""Stores that keep data between requests."""
