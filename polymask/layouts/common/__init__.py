"""Functions that several layouts share."""
