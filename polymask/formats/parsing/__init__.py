"""Texts and files that several formats are written in, read strictly."""
