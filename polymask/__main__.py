"""`polymask`, and `python -m polymask`: deaf to nothing, not even while it imports."""

import os
import signal
from types import FrameType
from typing import NoReturn


def _leave(number: int, _: FrameType | None) -> NoReturn:
    os.write(2, b"polymask: interrupted; nothing was done yet\n")
    os._exit(128 + number)


def main() -> None:
    """The `polymask` command. Until it has begun, an interrupt ends it with a word and no traceback."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # a shell may have it ignored
    if ours:
        signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    from polymask import cli

    if ours:
        signal.signal(signal.SIGINT, cli.interrupted)
    cli.main()


if __name__ == "__main__":
    main()
