"""The way back of local runs: annotation files as they were, masks taken away."""
