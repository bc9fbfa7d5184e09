"""What a plan decides and refuses: labels, problems, what a deletion will have to do."""
