"""`python -m tests.bombs [--large] [NAME]...`: what each bomb costs, in a process with bounded memory.

Exit 0 where each gave what it should, in time and in memory. `--large` are those that take minutes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bombs.cases import BOMBS, LARGE, Bomb

ADDRESS_SPACE = 3 << 30
WATCHDOG = 600


def measure(name: str, bomb: Bomb) -> dict[str, Any]:
    """Convert in this process, and tell what came of it and what it cost."""
    from polymask import PolymaskError, convert

    with tempfile.TemporaryDirectory() as folder:
        path = bomb.make(Path(folder))
        before, began = _memory(), time.process_time()
        told, message = "", ""
        try:
            report = convert(path, Path(folder) / "out", **bomb.options)
            message = "; ".join(failure.reason for failure in report.failures)
        except PolymaskError as error:
            told, message = type(error).__name__, str(error).replace(folder, "")
        cost = {"seconds": time.process_time() - began, "mib": max(0, _memory() - before) >> 10}
        return {"name": name, "error": told, "message": message[:150], "bytes": path.stat().st_size, **cost}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def wrong(result: dict[str, Any], bomb: Bomb) -> str:
    """What is not as it should be; nothing where all is."""
    if result["error"] != bomb.error or (not bomb.error and result["message"]):
        return f"{result['error'] or 'a result'}, not {bomb.error or 'a result'}: {result['message']}"
    if result["seconds"] > bomb.seconds:
        return f"{result['seconds']:.2f} s, more than {bomb.seconds}"
    return f"{result['mib']} MiB, more than {bomb.mib}" if result["mib"] > bomb.mib else ""


def in_a_process(names: list[str], *, space: int = ADDRESS_SPACE) -> list[dict[str, Any]]:
    """Measure bombs, one after another, in one process that cannot take more memory than that."""
    command = [sys.executable, "-m", "tests.bombs", "--worker", str(space), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=WATCHDOG)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or len(results) < len(names):
        at = names[len(results)] if len(results) < len(names) else "the end"
        raise AssertionError(f"{at}: the process ended with {done.returncode}: {done.stderr[-2000:]}")
    return results


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bombs", description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    all_bombs = BOMBS | LARGE
    if given.worker:
        resource.setrlimit(resource.RLIMIT_AS, (given.worker, given.worker))
        for name in given.names:
            print(json.dumps(measure(name, all_bombs[name])), flush=True)
        return 0
    bad = 0
    print(f"{'bomb':<36}{'bytes':>12}{'seconds':>9}{'MiB':>6}  what came of it", flush=True)
    for name in given.names or (LARGE if given.large else BOMBS):
        (result,) = in_a_process([name], space=8 << 30 if name in LARGE else ADDRESS_SPACE)
        problem = wrong(result, all_bombs[name])
        bad += bool(problem)
        told = f"WRONG: {problem}" if problem else result["error"] or "a result"
        print(
            f"{name:<36}{result['bytes']:>12,}{result['seconds']:>9.2f}{result['mib']:>6}  {told}", flush=True
        )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
