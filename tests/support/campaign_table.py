"""What campaigns count, and the table that they make."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

COLUMNS = ("runs", "faults", "lost", "doubled", "untyped", "other")


@dataclass(frozen=True)
class Verdict:
    """What was wrong about one disturbed run and the runs after it."""

    faults: int = 1
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    untyped: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.untyped or self.other)

    def __add__(self, verdict: "Verdict") -> "Verdict":
        return Verdict(
            self.faults + verdict.faults,
            self.lost + verdict.lost,
            self.doubled + verdict.doubled,
            self.untyped + verdict.untyped,
            self.other + verdict.other,
        )


@dataclass
class Tally:
    """The sum of a campaign: runs that lost something, and so on, with what was found."""

    title: str
    runs: int = 0
    faults: int = 0
    lost: int = 0
    doubled: int = 0
    untyped: int = 0
    other: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    def add(self, case: str, verdict: Verdict) -> None:
        self.runs += 1
        self.faults += verdict.faults
        for name in COLUMNS[2:]:
            setattr(self, name, getattr(self, name) + bool(getattr(verdict, name)))
        if not verdict.clean:
            self.findings.append(f"{case}: {verdict}")

    @property
    def breaches(self) -> int:
        return self.lost + self.doubled + self.untyped + self.other

    @property
    def row(self) -> str:
        numbers = " ".join(f"{getattr(self, name):>8,}" for name in COLUMNS)
        return f"{self.title:52} {numbers} {self.seconds:>8.0f}"


HEADER = f"{'what':52} " + " ".join(f"{name:>8}" for name in (*COLUMNS, "seconds"))


def tallied(title: str, cases: Iterable[tuple[str, Callable[[], Verdict]]]) -> Tally:
    """Carry out all cases of a campaign."""
    tally, began = Tally(title), time.perf_counter()
    for name, case in cases:
        tally.add(name, case())
    tally.seconds = time.perf_counter() - began
    return tally


def table(tallies: Sequence[Tally]) -> str:
    """The table, with what was found below the rows."""
    lines = [HEADER]
    for tally in tallies:
        lines += [tally.row, *(f"    {finding}" for finding in tally.findings[:8])]
    return "\n".join(lines)
