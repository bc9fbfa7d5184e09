"""What annotations say, as the platform has them: polygons, what masks claim, and whose these are."""
