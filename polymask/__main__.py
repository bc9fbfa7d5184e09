"""The commands `polymask` and `python -m polymask`; interrupts work even during imports."""

import atexit
import gc
import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def _leave(number: int, _: FrameType | None) -> NoReturn:
    os.write(2, b"polymask: interrupted; nothing was done yet\n")
    os._exit(128 + number)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _open_closed_streams() -> None:
    """Give stdin, stdout and stderr that were closed (`>&-`) somewhere to go.

    Else the next file that is opened, a mask or a journal, would get their number, and what is printed.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for good
            setattr(sys, name, stream)
            assert descriptor == number


def main() -> None:
    """Run the `polymask` command. Before it begins, an interrupt ends it with a message, no traceback."""
    _open_closed_streams()
    # Registered first, so called last. Python restores the default handlers while it shuts down; an
    # interrupt then would end the process as if the run had failed.
    atexit.register(_ignore_signals)
    signal.signal(signal.SIGTERM, _leave)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # shells ignore it for background jobs
        signal.signal(signal.SIGINT, _leave)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no matrices here that numpy's threads would help
    gc.disable()  # imports make objects that stay, and no garbage
    from polymask.cli import app, signals

    gc.freeze()
    gc.set_threshold(10_000)  # a run makes many objects, most of them freed without the collector
    gc.enable()

    try:
        try:
            app.main()
        finally:  # the run is over: an interrupt must not raise in Python any more
            for number in signals.STOPS:
                signal.signal(number, signals.leave)
    except KeyboardInterrupt:  # it came just before the handlers were set
        signals.end()


if __name__ == "__main__":
    main()
