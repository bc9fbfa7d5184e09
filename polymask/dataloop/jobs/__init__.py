"""What a command does with a dataset: convert it, try it dry, verify it, restore it, download it."""
