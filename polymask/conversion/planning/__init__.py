"""What a plan decides and refuses: labels, layout, DEST, problems, what a deletion will have to do."""
