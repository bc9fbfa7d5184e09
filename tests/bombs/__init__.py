"""Small files that claim to be large: refused at once, before memory is taken for what they claim."""
