"""What can be made to go wrong: which calls, how, and how often."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from polymask.dataloop.emulator.call import Call
from polymask.dataloop.emulator.database.dql import glob
from polymask.errors import InputError

KINDS = {
    "status": "answers `status` with `headers`, without doing the work",
    "drop-before": "closes the connection without doing the work",
    "drop-after": "does the work, then closes the connection",
    "status-after": "does the work, then answers `status` with `headers`",
    "truncate": "does the work, then sends half of the answer",
    "invalid-json": "does the work, then answers 200 with text that is no JSON",
    "slow": "waits `seconds`, then does the work",
    "slow-after": "does the work, then waits `seconds` before it answers",
    "partial": "stores the first `keep` elements of a batch (half of it by default), or deletes the first of "
    "those named by their ids, and answers success",
    "partial-error": "stores the first `keep` elements; the others are answered as error objects",
    "short-page": "leaves rows out of a page, sending the first `keep` (half by default); totals stay true",
    "wrong-total": "claims `keep` rows in total (a row too many by default)",
    "repeat-page": "answers with the page before the page that was asked for",
    "lose-page": "answers with the page after the page that was asked for",
    "stale": "answers from the state before the last write",
    "ignore-clause": "does the work as if the filter had no clause on the field `clause`",
}
"""Every kind of fault and what it does."""


@dataclass(frozen=True, eq=False)
class Fault:
    """Something that goes wrong with the calls it matches.

    Parameters
    ----------
    method, path_pattern
        Which calls: an HTTP method or `*`, and a path after /api/v1, in which `*` stands for
        a segment and `**` for any path; a pattern that starts with `^` is a regular expression.
    kind
        One of `KINDS`.
    skip, times
        How many matching calls go through first, and how many fail then; `times=None`: all.
    status, headers, seconds, keep
        What the kind asks for.
    call
        Match the call of this number only, counted from 1 over all calls.
    resource
        Match only bodies whose `resource` is this, to keep queries apart.
    clause
        Match only bodies whose filter has a clause on this field: a service that refuses it, with
        the kind `status`, or does not heed it, with `ignore-clause`.

    Raises
    ------
    InputError
        A kind that does not exist.

    Examples:
        >>> Fault("POST", "/items/*/annotations", "drop-after", skip=1).times
        1
    """

    method: str
    path_pattern: str
    kind: str
    skip: int = field(default=0, kw_only=True)
    times: int | None = field(default=1, kw_only=True)
    status: int = field(default=500, kw_only=True)
    headers: Mapping[str, str] | None = field(default=None, kw_only=True)
    seconds: float = field(default=0.0, kw_only=True)
    keep: int | None = field(default=None, kw_only=True)
    call: int | None = field(default=None, kw_only=True)
    resource: str | None = field(default=None, kw_only=True)
    clause: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"unknown kind of fault {self.kind!r}", advice=f"there are {', '.join(KINDS)}")

    def matches(self, call: Call) -> bool:
        """Say whether this fault is for a call; only reads can be stale."""
        return (
            self.method in ("*", call.method)
            and self.call in (None, call.number)
            and self._pattern().match(call.path) is not None
            and self.resource in (None, call.resource)
            and (self.clause is None or self.clause in call.clauses)
            # A write on top of an outdated state would be lost with it.
            and (self.kind != "stale" or call.reads)
        )

    def _pattern(self) -> re.Pattern[str]:
        # No path starts with it, so the two notations cannot be confused.
        if self.path_pattern.startswith("^"):
            return re.compile(self.path_pattern)
        return re.compile(glob(self.path_pattern).pattern + r"\Z", re.S)
