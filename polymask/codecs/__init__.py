"""Encoding and decoding of files: PNG masks, pictures, zip archives."""
