"""Mutants that change nothing that anybody could see, by module, each with the reason.

A mutant is named as `python -m tests.seeded.mutants` prints it.
"""

EQUIVALENT: dict[str, dict[str, str]] = {
    "journal.py": {
        r"""number + 1: 1 in: if size and os.pread(descriptor, 1, size - 1) != b"\n":""": "at the last byte, there is one",
        "number + 1: 16 in: return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).digest()": "digests are only compared with each other",
    },
}
