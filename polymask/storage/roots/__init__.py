"""The places that masks are written to: a folder, or a prefix of an object store."""
