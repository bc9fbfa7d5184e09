"""`python -m tests.seeded [--only WORD]`: each bug in a copy of its own; its promise and the tests that must catch it.

Exit 0 where every bug was caught.
"""

import argparse
import sys
from pathlib import Path

from tests.seeded.bugs import BUGS, Bug
from tests.seeded.copies import ROOT, TIMEOUT, copied, run_forked


def is_caught(bug: Bug) -> bool:
    """Whether one of its tests fails where the bug is in."""
    with copied() as copy:
        put_in(bug, copy)
        tests = [test for test in bug.tests if (ROOT / test.partition("::")[0]).exists()]
        return run_forked(copy, tests, timeout=TIMEOUT) == 1


def put_in(bug: Bug, copy: Path) -> None:
    """Edit the copy; the bug must find its place, once."""
    path = copy / "polymask" / bug.module
    text = path.read_text()
    assert text.count(bug.old) == 1, (
        f"{bug.what}: its place in {bug.module} is there {text.count(bug.old)} times"
    )
    path.write_text(text.replace(bug.old, bug.new))


def main() -> int:
    """Put in all bugs, one after another, and print what caught them."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded", description=__doc__)
    parser.add_argument("--only", default="", help="bugs whose promise, words or module hold this")
    only = parser.parse_args().only
    chosen = [bug for bug in BUGS if only in f"{bug.promise} {bug.what} {bug.module}"]
    missed = []
    for bug in chosen:
        if not is_caught(bug):
            missed.append(bug.what)
        verdict = "MISSED" if bug.what in missed else "caught"
        print(f"{verdict} {bug.promise:<22} {bug.what:<62} {' '.join(bug.tests)}", flush=True)
    print("; ".join([f"{len(chosen)} bugs, {len(chosen) - len(missed)} of them caught", *missed]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
