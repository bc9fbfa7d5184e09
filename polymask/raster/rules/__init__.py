"""Pixel rules, a file each."""
