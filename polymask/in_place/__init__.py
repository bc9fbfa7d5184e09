"""The in-place job: write masks, prove that they are stored, then delete the polygons that they hold."""
