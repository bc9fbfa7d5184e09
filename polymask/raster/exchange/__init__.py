"""Shapes as other libraries hand them over, and as they take them: GeoJSON, rings, arrays."""
