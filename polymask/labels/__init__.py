"""Names, values and colors of labels."""
