"""Packed sources: zips, tars and packed files, read in place under the limits."""
