"""Mutants that change nothing that anybody could see, by module, each with the reason."""

EQUIVALENT: dict[str, dict[str, str]] = {}
