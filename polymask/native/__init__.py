"""The compiled kernel, where it could be built; `polymask.raster.kernel` says what it does."""
