"""Digests, and what a stored mask says of itself."""
