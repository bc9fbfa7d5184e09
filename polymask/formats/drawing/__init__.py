"""Shapes that several formats have: curves, shares of a picture, pixels with a legend."""
