"""Shapes that several formats share: curves, relative coordinates, masks with a legend."""
