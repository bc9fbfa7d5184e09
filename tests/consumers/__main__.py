"""Run every cell: `python -m tests.consumers [--light] [--only TEXT]… [--write]`; exit 1 where one fails.

A reader that is not installed fails, and with --light is left out: the others run in any install of polymask.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.consumers import learners, light, mmsegmentation  # noqa: F401 - they add their cells
from tests.consumers.cells import CELLS, Cell, check
from tests.consumers.page import PAGE, page
from tests.consumers.scenes import Scenes
from tests.consumers.scores import SCORERS, Scorer, check_score

LEFT_OUT = "left out: not installed"


def main() -> int:
    """Print the table as it comes."""
    parser = argparse.ArgumentParser(prog="python -m tests.consumers", description=__doc__)
    parser.add_argument("--light", action="store_true", help="quick readers, as far as installed")
    parser.add_argument(
        "--only", action="append", default=[], help="consumers or layouts that hold this text"
    )
    parser.add_argument("--write", action="store_true", help="write docs/consumers.md from this run")
    parser.add_argument("--verbose", action="store_true", help="show where a cell fails")
    asked = parser.parse_args()
    if asked.write and (asked.light or asked.only):
        parser.error("--write takes the run of all cells")
    cells = [cell for cell in CELLS if cell.light or not asked.light]
    cells = [
        c for c in cells if not asked.only or any(text in f"{c.consumer} {c.layout}" for text in asked.only)
    ]
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network
    outcomes: list[tuple[Cell, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        scenes = Scenes(Path(folder))
        for cell in cells:
            began = time.perf_counter()
            is_left_out = asked.light and not cell.version
            outcome = LEFT_OUT if is_left_out else run(cell, scenes, verbose=asked.verbose)
            outcomes.append((cell, outcome))
            seconds = time.perf_counter() - began
            print(
                f"{cell.consumer:40} {cell.version:10} {cell.layout:14} {seconds:5.1f} s  {outcome}",
                flush=True,
            )
        scored = [(scorer, run_score(scorer, scenes)) for scorer in chosen_scorers(asked)]
    left_out = [cell.consumer for cell, outcome in outcomes if outcome == LEFT_OUT]
    print(f"{len(cells) - len(left_out)} readers and {len(scored)} scorers run, {len(left_out)} left out")
    if any(outcome.startswith("FAILED") for _, outcome in (*outcomes, *scored)):
        return 1
    if asked.write:
        PAGE.write_text(page(outcomes, scored))
    return 0


def chosen_scorers(asked: argparse.Namespace) -> list[Scorer]:
    """Those that are asked for."""
    scorers = [scorer for scorer in SCORERS if (scorer.light and scorer.version) or not asked.light]
    return [
        s for s in scorers if not asked.only or any(text in f"{s.name} {s.layout}" for text in asked.only)
    ]


def run_score(scorer: Scorer, scenes: Scenes) -> str:
    """What came of a scorer, printed as it comes."""
    try:
        outcome = f"{check_score(scorer, scenes)} labels equal"
    except Exception as error:  # noqa: BLE001 - whatever a scorer says of our files
        outcome = f"FAILED: {type(error).__name__}: {error}"
    print(f"{scorer.name:50} {scorer.version:10} {scorer.layout:14} {outcome}", flush=True)
    return outcome


def run(cell: Cell, scenes: Scenes, *, verbose: bool = False) -> str:
    """What came of a cell."""
    if not cell.version:
        return f"FAILED: {' or '.join(cell.packages)} is not installed"
    try:
        check(cell, scenes.dest(cell.layout), scenes.truth(cell.layout))
    except AssertionError as error:
        if cell.fault:
            return f"no: {cell.fault}"
        return f"FAILED: {error}"
    except Exception as error:  # noqa: BLE001 - whatever a consumer says of our files
        if verbose:
            traceback.print_exc()
        return f"FAILED: {type(error).__name__}: {error}"
    if cell.fault:
        return f"FAILED: it is read now, so this is no longer true: {cell.fault}"
    return "with glue" if cell.glue else "as it is"


if __name__ == "__main__":
    sys.exit(main())
