"""The ways back: polygons that were deleted are put back, and masks of ours go."""
