"""Hostile input, made at random: every parser gives a result or an error of ours, in time.

`python -m tests.fuzz --runs 20000` runs all targets and prints a table.
"""
