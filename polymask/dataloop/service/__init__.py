"""What goes over the wire: calls and their answers, labels, deletion and putting back in bulk."""
