"""How fast polymask is, beside its peers and beside the least that the work can cost.

Run `python -m tests.benchmarks --help`; what it prints is docs/performance.md.
"""
