"""How strong the tests are: bugs put in on purpose, in a throwaway copy, must make a test fail.

`python -m tests.seeded` puts in the bugs that promises of the docs would break; `python -m
tests.seeded.mutants` makes small changes everywhere in a module. The copy is what processes that
tests start import too, which mutation tools that patch the running interpreter do not reach.
"""
