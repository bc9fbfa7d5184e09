"""DEST: what lies in it, what may be written, and what its journal says of deletions."""
