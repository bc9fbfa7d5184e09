"""Inspecting annotations and masks: check, stats, compare, verify."""
