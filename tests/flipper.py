"""`python -m tests.flipper [--rounds N]`: a folder of DEST becomes a link and a folder again while a run writes into it.

Whatever the moment, nothing is written, changed or removed behind the link.
"""

import argparse
import ctypes
import sys
import tempfile
import threading
from pathlib import Path

from polymask import PolymaskError
from polymask.storage.roots.local import Root

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of renameat2(2)


def flipped(folder: Path, rounds: int) -> tuple[int, int, list[str]]:
    """How many writes and removals were done and refused, and what lies behind the link that was not there."""
    victim, dest = folder / "victim", folder / "dest"
    victim.mkdir()
    (victim / "0.png").write_bytes(b"precious")
    (dest / "masks").mkdir(parents=True)
    stop = threading.Event()
    thread = threading.Thread(target=_flip, args=(dest, victim, stop))
    thread.start()
    done = refused = 0
    try:
        for number in range(rounds):
            root = Root(dest)
            try:
                root.write(f"masks/{number % 7}.png", b"mask", durable=False)
                root.read(f"masks/{number % 7}.png")
                root.remove(f"masks/{number % 7}.png")
                done += 1
            except PolymaskError:
                refused += 1
            finally:
                root.close()
    finally:
        stop.set()
        thread.join()
    wrong = [p.name for p in victim.iterdir() if p.name != "0.png"]
    return done, refused, wrong if (victim / "0.png").read_bytes() == b"precious" else [*wrong, "0.png"]


def _flip(dest: Path, victim: Path, stop: threading.Event) -> None:
    """Exchange the folder and the link, each time in one step, again and again."""
    (dest / "link").symlink_to(victim)
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    while not stop.is_set():
        exchange(_HERE, bytes(dest / "masks"), _HERE, bytes(dest / "link"), _EXCHANGE)


def main() -> int:
    """Flip and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.flipper", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20_000)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        done, refused, wrong = flipped(Path(folder), rounds)
    print(f"{rounds:,} rounds: {done:,} done, {refused:,} refused, behind the link: {wrong or 'nothing'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
