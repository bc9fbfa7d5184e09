"""Sets of masks, whoever made them, and the labels that a pixel has in them."""
