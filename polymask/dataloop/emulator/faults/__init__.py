"""Faults: what can be made to go wrong with a call and its answer."""
