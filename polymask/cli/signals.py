"""Ctrl-C and SIGTERM: a run stops at once, even if it waits for the network."""

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

STOPS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.0  # seconds to stop; the process ends within two
_received: list[int] = []
INTERRUPTED = "polymask: interrupted; run the same command again to finish"


def listen(*, connected: bool) -> None:
    """Handle interrupts from here on; a `connected` run may wait long for services and large transfers."""
    sys.unraisablehook = _swallowed
    if connected:
        _end_in_time()
    signal.signal(signal.SIGTERM, interrupted)
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:  # shells ignore it for background jobs
        signal.signal(signal.SIGINT, interrupted)


def interrupted(number: int, _: FrameType | None) -> NoReturn:
    """Raise `KeyboardInterrupt`; a second signal ends the process at once."""
    for stop in STOPS:
        signal.signal(stop, leave)
    _received.append(number)
    raise KeyboardInterrupt(number)


def leave(number: int, _: FrameType | None) -> NoReturn:
    """Stop at once."""
    os._exit(128 + number)


def received() -> int:
    """The signal that asked the process to stop, or 0; kept even if the exception was swallowed."""
    return _received[-1] if _received else 0


def end() -> NoReturn:
    """Stop at once, with the exit code of the received signal."""
    leave(received() or signal.SIGINT, None)


def _swallowed(unraisable: Any) -> None:
    """Stop on an interrupt in `__del__` or a weak reference's callback, where Python drops exceptions."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        end()
    sys.__unraisablehook__(unraisable)


def _end_in_time() -> None:
    """End the process soon after an interrupt, even if the main thread never handles it.

    If a signal comes just before the main thread begins a system call that waits, Python runs the handler
    only after the wait. The wakeup descriptor, in contrast, is written by the signal itself.
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
