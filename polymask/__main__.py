"""`polymask`, and `python -m polymask`: deaf to nothing, not even while it imports."""

import atexit
import gc
import os
import signal
from types import FrameType
from typing import NoReturn


def _leave(number: int, _: FrameType | None) -> NoReturn:
    os.write(2, b"polymask: interrupted; nothing was done yet\n")
    os._exit(128 + number)


def _ignore_all() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """The `polymask` command. Until it has begun, an interrupt ends it with a word and no traceback."""
    atexit.register(_ignore_all)  # the first is called last: all is done, and Python, taking itself apart,
    # would give every handler back to the system, which ends the process as if the run had failed
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as a shell has it for the background
        signal.signal(signal.SIGINT, _leave)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads, for matrices: none are here
    gc.disable()  # modules make no garbage, and what they make stays
    from polymask.cli import app, signals

    gc.freeze()
    gc.set_threshold(10_000)  # a run's objects are many, and go as soon as they are done with
    gc.enable()

    try:
        try:
            app.main()
        finally:  # all is done or told; the interpreter is not to be asked what it makes of an interrupt
            for number in signals.STOPS:
                signal.signal(number, signals.leave)
    except KeyboardInterrupt:  # just before that
        signals.end()


if __name__ == "__main__":
    main()
