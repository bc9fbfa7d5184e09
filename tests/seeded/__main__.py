"""`python -m tests.seeded [--only WORD]`: each bug in a copy of its own; promise, bug, the test that caught it.

Exit 0 where every bug was caught.
"""

import argparse
import sys
from pathlib import Path

from tests.seeded.bugs import BUGS, Bug
from tests.seeded.copies import ROOT, copied, run_tests


def seeded(bug: Bug) -> tuple[bool, str]:
    """Whether a test failed for a bug, and which."""
    with copied() as copy:
        put_in(bug, copy)
        tests = [test for test in bug.tests if (ROOT / test.partition("::")[0]).exists()]
        code, told = run_tests(copy, tests)
    return code == 1, told


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
    given = parser.parse_args()
    chosen = [bug for bug in BUGS if given.only in f"{bug.promise} {bug.what} {bug.module}"]
    missed = 0
    for bug in chosen:
        caught, told = seeded(bug)
        missed += not caught
        print(f"{bug.promise:<22} {bug.what:<62} {told if caught else f'MISSED: {told}'}", flush=True)
    print(f"{len(chosen)} bugs, {len(chosen) - missed} of them caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
