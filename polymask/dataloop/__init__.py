"""Dataloop datasets as a source and a sink of masks, and a local platform to try both against."""
