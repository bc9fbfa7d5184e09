"""DEST: its content, what a run may write there, and the journal of deletions."""
