"""Looking at annotations and masks: check, stats, compare, verify."""
