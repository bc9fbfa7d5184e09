"""The promises put to the test: `python -m tests.trust push|nightly|release`.

    python -m tests.trust push                          at most three minutes: no regression
    python -m tests.trust nightly --write               every boundary, error and HTTP fault; renews the page
    python -m tests.trust release --state release.json  hours; can be stopped and goes on where it was
    python -m tests.trust nightly --only kills,errors   some parts

Prints a row a part, and ends with 1 if anything was lost, doubled, untyped, or not as undisturbed.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from tests.support.campaign_table import COLUMNS, HEADER, Tally
from tests.trust.parts import LIMITS, ROOT, TIERS, Part

PAGE = ROOT / "docs" / "trust.md"


def carried_out(tier: str, parts: dict[str, Part], state: Path | None) -> list[Tally]:
    """All parts, those that the state file holds already as it tells them."""
    done = (
        {name: Tally(**row) for name, row in json.loads(state.read_text()).items()} if _there(state) else {}
    )
    print(HEADER, flush=True)
    for number, (name, part) in enumerate(parts.items(), 1):
        if name not in done:
            done[name] = part()
        tally = done[name]
        print(tally.row, *(f"    {finding[:2000]}" for finding in tally.findings[:8]), sep="\n", flush=True)
        if state:
            _save(state, {name: asdict(one) for name, one in done.items()})
            print(f"    {tier}: {number} of {len(parts)} parts done", file=sys.stderr, flush=True)
    return [done[name] for name in parts]


def _there(state: Path | None) -> bool:
    return state is not None and state.exists()


def _save(path: Path, rows: dict[str, object]) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(rows, indent=1))
    temporary.replace(path)


def merged(tallies: list[Tally]) -> list[Tally]:
    """Parts that are pieces of one campaign make one row."""
    rows: dict[str, Tally] = {}
    for tally in tallies:
        row = rows.setdefault(tally.title, Tally(tally.title))
        for name in (*COLUMNS, "seconds"):
            setattr(row, name, getattr(row, name) + getattr(tally, name))
    return list(rows.values())


def left_out(parts: Iterable[str], run: Iterable[str]) -> str:
    """The parts of a tier that were not run, pieces of one campaign counted.

    >>> left_out(["kills", "chains 1 of 2", "chains 2 of 2", "fuzz"], ["kills"])
    '; not run: 2 pieces of chains, fuzz'
    """
    run = set(run)
    pieces = Counter(name.partition(" ")[0] for name in parts if name not in run)
    names = [f"{count} pieces of {name}" if count > 1 else name for name, count in pieces.items()]
    return f"; not run: {', '.join(names)}" if names else ""


def page_with(text: str, tier: str, tallies: list[Tally], missing: str = "") -> str:
    """The page with the tier's table renewed, between its two marks."""
    begin, end = f"<!-- {tier} -->\n", f"<!-- end of {tier} -->"
    head, rest = text.split(begin)
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    seconds = sum(tally.seconds for tally in tallies)
    lines = [
        f"{day}, `python -m tests.trust {tier}`, {seconds:,.0f} s{missing}:",
        "",
        "| what | runs | faults | lost | doubled | untyped | otherwise wrong | at most (95 %) | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(markdown(tally) for tally in merged(tallies)),
    ]
    return head + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]


def markdown(tally: Tally) -> str:
    """A row; where nothing was found in n runs, less than 3/n of all are likely to be wrong."""
    bound = f"{100 * 3 / tally.runs:.2g} %" if tally.runs > 3 and not tally.breaches else "—"
    numbers = " | ".join(f"{getattr(tally, name):,}" for name in COLUMNS)
    return f"| {tally.title} | {numbers} | {bound} | {tally.seconds:,.0f} |"


def main() -> int:
    """Run a tier."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.trust", description="The promises put to the test."
    )
    parser.add_argument("tier", choices=TIERS)
    parser.add_argument("--write", action="store_true", help="renew the tier's table in docs/trust.md")
    parser.add_argument("--state", type=Path, help="where to keep what is done, to go on there")
    parser.add_argument("--only", default="", help="some parts, with commas between")
    parser.add_argument("--list", action="store_true", help="the names of the parts")
    asked = parser.parse_args()
    parts = TIERS[asked.tier]
    if asked.list:
        print("\n".join(parts))
        return 0
    if asked.only:
        parts = {name: parts[name] for name in asked.only.split(",")}
    os.environ["PYTHONPATH"] = str(ROOT)
    began = time.perf_counter()
    tallies = carried_out(asked.tier, parts, asked.state)
    breaches, seconds = sum(tally.breaches for tally in tallies), time.perf_counter() - began
    print(f"{asked.tier}: {sum(t.runs for t in tallies):,} runs, {breaches} breaches, {seconds:,.0f} s")
    if seconds > LIMITS[asked.tier]:
        print(f"{asked.tier}: more than its {LIMITS[asked.tier]} s", file=sys.stderr)
    if asked.write:
        missing = left_out(TIERS[asked.tier], parts)
        PAGE.write_text(page_with(PAGE.read_text(), asked.tier, tallies, missing))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
