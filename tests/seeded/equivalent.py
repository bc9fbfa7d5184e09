"""Mutants that change nothing that anybody could see, by module, each with the reason.

A mutant is named as `python -m tests.seeded.mutants` prints it.
"""

EQUIVALENT: dict[str, dict[str, str]] = {
    "storage/roots/local.py": {
        "number + 1: 4 in: self._token = os.urandom(4).hex()  # processes of two machines may have the same number": "longer by a byte",
        """True ↔ False: False in: remove_folder(self._folders.opened("", create=False), WORK)""": "the root itself is never made by it",
    },
    "storage/roots/folders.py": {
        "number + 1: 64 in: MOST_FOLDERS = 64  # kept open at once": "how many are open is a matter of taste",
        "Gt → GtE: len(self._opened) > MOST_FOLDERS in: if len(self._opened) > MOST_FOLDERS:": "likewise",
    },
    "in_place/journal.py": {
        r"""number + 1: 1 in: if size and os.pread(descriptor, 1, size - 1) != b"\n":""": "at the last byte, there is one",
        "number + 1: 16 in: return blake2b(line, digest_size=16).digest()": "digests are only compared with each other",
        "statement gone: self._table.close() in: self._table.close()": "before Python 3.13 an open table is closed without a word",
    },
    "in_place/reconcile.py": {
        "number + 1: 1 in: return bool(mask.reshape(-1)[flat_indices(line + spans.start, line + spans.stop)].all())": "NumPy takes any negative length for the one it works out",
        "True ↔ False: False in: @dataclass(frozen=True, slots=True, eq=False)": "decisions are not compared",
        "True ↔ False: True in: @dataclass(frozen=True, slots=True, eq=False)": "nothing sets their fields",
        "True ↔ False: True (2) in: @dataclass(frozen=True, slots=True, eq=False)": "nor new ones",
        "LtE → Lt: gone <= set(holder.sources) in: return gone <= set(holder.sources) and not (other.mask & ~holder.mask).any()": "a holder also lists a polygon that is there",
        "number + 1: 1 in: paint(mask, one.spans(pixel_rule), 1)": "any number but 0 is True in a mask",
    },
    "dataloop/sink.py": {
        "number + 1: 1 (2) in: for attempt in range(1, TRIES + 1):": "the last try returns or raises",
    },
    "dataloop/source.py": {
        "True ↔ False: True (2) in: @dataclass(frozen=True, slots=True)": "nothing sets new fields",
    },
    "conversion/copies.py": {
        'True ↔ False: False in: if not (has_pictures and getattr(plan.layout, "PICTURES", False)):': "a layout that shows no picture does not ask for it",
    },
    "dataloop/jobs/run.py": {
        "True ↔ False: False in: @dataclass(frozen=True, slots=True, eq=False)": "datasets are not compared",
        "True ↔ False: True in: @dataclass(frozen=True, slots=True, eq=False)": "nothing sets their fields",
        "True ↔ False: True (2) in: @dataclass(frozen=True, slots=True, eq=False)": "nor new ones",
        "True ↔ False: False in: def source(self, *, query: str | Path | None = None, check_images: bool = False) -> DataloopSource:": "left out only where no frame is asked for",
        "number + 1: 1 in: def open_dataset(url: str, *, workers: int = 1) -> Dataset:": "how many connections are kept open",
        "number + 1: 1 in: url: str, *, workers: int = 1, limits: Limits | None = None, progress: Progress | None = None": "likewise",
        """number + 1: 0 in: sink.limits.check_frame(f"{item.name}: '{proof.label}'", proof.frame or (0, 0))""": "a frame of 0 × 1 has no pixels either",
        """number + 1: 0 (2) in: sink.limits.check_frame(f"{item.name}: '{proof.label}'", proof.frame or (0, 0))""": "likewise",
    },
}
