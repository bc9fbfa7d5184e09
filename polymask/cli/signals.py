"""Ctrl-C and SIGTERM: a run stops where it is, and ends in time whatever it waits for."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.0  # seconds to stop in; the process ends within two
_received: list[int] = []
INTERRUPTED = "polymask: interrupted; run the same command again to finish"


def listen(*, connected: bool) -> None:
    """Answer interrupts from here on; a run that is `connected` waits for others, and for many bytes."""
    sys.unraisablehook = _swallowed
    if connected:
        _end_in_time()
    signal.signal(signal.SIGTERM, interrupted)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # as a shell has it for the background
        signal.signal(signal.SIGINT, interrupted)


def interrupted(number: int, _: FrameType | None) -> NoReturn:
    """Stop where the run is, and at the second time without another thought."""
    for stop in STOPS:
        signal.signal(stop, leave)
    _received.append(number)
    raise KeyboardInterrupt(number)


def leave(number: int, _: FrameType | None) -> NoReturn:
    """Stop at once."""
    os._exit(128 + number)


def received() -> int:
    """The signal that asked this process to stop; 0 where none came, whatever was made of the exception."""
    return _received[-1] if _received else 0


def end() -> NoReturn:
    """Stop at once, as the signal that came asks."""
    leave(received() or signal.SIGINT, None)


def _swallowed(unraisable: Any) -> None:
    """Stop here too: what is raised in `__del__` or a weak reference's callback, Python drops."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        end()
    sys.__unraisablehook__(unraisable)


def _end_in_time() -> None:
    """End the process a moment after an interrupt, even if the main thread never gets to answer it.

    Where the signal comes just before the thread begins to wait in the system, Python tells it only
    once the wait is over. The descriptor is written to at once, by the signal itself.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    threading.Thread(target=_end, args=(readable,), daemon=True).start()


def _end(pipe: int) -> NoReturn:
    while (number := os.read(pipe, 1)[0]) not in STOPS:
        pass
    time.sleep(GRACE)
    os.write(2, INTERRUPTED.encode() + b"\n")
    leave(number, None)
