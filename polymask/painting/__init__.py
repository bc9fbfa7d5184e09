"""Spans to masks: overlap rules, conflicts, borders."""
