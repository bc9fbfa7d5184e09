"""Bytes of files: PNG masks, pictures, zip archives."""
