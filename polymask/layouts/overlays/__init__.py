"""Overlays, from the blended pixels to a page: figures with title and legend, and contact sheets."""
