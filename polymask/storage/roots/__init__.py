"""Where masks are written: a folder, or a prefix of an object store."""
