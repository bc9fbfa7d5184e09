"""Sets of masks from any tool, and the labels of each of their pixels."""
