"""`python -m tests.fuzz [--runs N] [--target T]... [--seed S]`: a campaign of all targets, and its table.

Each target runs in a process of its own, so that one that dies is a finding too. Findings are
stored below fixtures/fuzz/. Exit 0 where there are none.
"""

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import Result, campaign, keep
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run, print, store."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="of each target")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="repeatable; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        Path(given.worker).write_bytes(pickle.dumps(campaign(given.target[0], given.runs, seed=given.seed)))
        return 0
    print(f"{'target':<18}{'runs':>10}{'accepted':>10}{'runs/s':>8}  findings", flush=True)
    results = [_row(target, given.runs, given.seed) for target in given.target or TARGETS]
    runs, found = sum(one.runs for one in results), sum(len(one.findings) for one in results)
    bound = f"; were there one in {runs / 3:,.0f}, it would have shown (95 %)" if runs and not found else ""
    print(f"{runs:,} inputs, {found} findings{bound}")
    return 1 if found else 0


def _row(target: str, runs: int, seed: int) -> Result:
    result = _in_a_process(target, runs, seed)
    speed = result.runs / result.seconds if result.seconds else 0
    share = f"{100 * result.accepted / result.runs:.0f} %" if result.runs else ""
    print(f"{target:<18}{result.runs:>10,}{share:>10}{speed:>8,.0f}  {len(result.findings)}", flush=True)
    for what, data in result.findings.items():
        print(f"    {what}\n    {keep(target, data)}", flush=True)
    return result


def _in_a_process(target: str, runs: int, seed: int) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result"
        command = [sys.executable, "-m", "tests.fuzz", "--worker", str(file), "--target", target]
        done = subprocess.run(
            [*command, "--runs", str(runs), "--seed", str(seed)],
            env=os.environ | {"TMPDIR": folder},
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            result: Result = pickle.loads(file.read_bytes())
            return result
        inputs = [path.read_bytes() for path in Path(folder).glob("polymask-fuzz-*/input")]
        told = f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
        return Result(target, findings={told: inputs[0] if inputs else b""})


if __name__ == "__main__":
    sys.exit(main())
