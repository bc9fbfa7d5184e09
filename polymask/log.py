"""The package's log, `polymask`: nothing is written unless somebody asks for it (`logging`, or `--verbose`).

It tells what is read and where to, how far a run is, what failed, and what a report notes. It holds no token.
"""

import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

INFO, WARNING = 20, 30


class PackageLog:
    """The logger of that name, as soon as anybody has imported `logging`: until then nobody listens."""

    def info(self, text: str, *values: object) -> None:
        """Tell what is done; `text` is filled in as `logging` does."""
        self._tell(INFO, text, values)

    def warning(self, text: str, *values: object) -> None:
        """Tell what failed."""
        self._tell(WARNING, text, values)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to what is done."""
        return "logging" in sys.modules and logger().isEnabledFor(INFO)

    def _tell(self, level: int, text: str, values: tuple[object, ...]) -> None:
        if self.is_heard or (level > INFO and "logging" in sys.modules):
            logger().log(level, text, *values)


@cache
def logger() -> "Logger":
    """Python's logger; importing `logging` is what a quick start goes without."""
    import logging

    named = logging.getLogger("polymask")
    named.addHandler(logging.NullHandler())
    return named


log = PackageLog()
