"""Pixel rules: one file a rule."""
