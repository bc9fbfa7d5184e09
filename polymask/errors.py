"""Every error that polymask raises on purpose, and the exit code it stands for.

```
PolymaskError
├── InputError(ValueError)        2  your input
│   ├── FormatError                  a file is not what its format says
│   ├── GeometryError                a ring, run or frame that cannot be drawn
│   ├── LabelError                   labels, values or colors that do not fit
│   └── LimitError                   larger than the limits allow
├── BackendError(OSError)         3  the service or the disk
│   ├── NotFound
│   ├── Denied
│   └── Unavailable
├── ConflictError                 4  somebody else holds it or changed it
│   ├── SourceChanged
│   └── Locked
└── ProofError                    5  a proof failed, nothing was deleted
```

Errors inherit twice where Python has a word of its own, so that callers can
catch either:

>>> from polymask import FormatError
>>> try:
...     raise FormatError("instances.json: $.images: missing")
... except ValueError as error:
...     print(error)
instances.json: $.images: missing
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class PolymaskError(Exception):
    """The root: `except polymask.PolymaskError` catches all that polymask raises."""

    exit_code: ClassVar[int] = 1
    way_out: ClassVar[str] = "run the same command again, and report it if it stays"


class InputError(PolymaskError, ValueError):
    """What was handed in cannot be used; nothing was written (exit 2)."""

    exit_code = 2
    way_out = "correct it, or see `polymask --help`"


class FormatError(InputError):
    """A file does not hold what its format says; names the file and the place in it."""

    way_out = "correct the file (`polymask check` finds all), name its format with --from, or --skip-invalid"


class GeometryError(InputError):
    """A ring, a run or a frame that has no pixels to speak of."""

    way_out = "correct the annotation, or leave it out with --skip-invalid"


class LabelError(InputError):
    """Labels, pixel values or colors that do not fit together."""

    way_out = "correct the label map, or name another with --labels"


class LimitError(InputError):
    """Larger than the limits allow; names the flag that raises the limit."""

    way_out = "leave it out, or raise the limit if that is right"


class BackendError(PolymaskError, OSError):
    """The service or the disk failed (exit 3); `status` is the HTTP status, where a service answered."""

    exit_code = 3
    status: int | None = None
    way_out = "run the same command again: what is done stays done"


class NotFound(BackendError):
    """What was asked for is not there."""

    way_out = "check the path"


class Denied(BackendError):
    """The service or the file system says no."""

    way_out = "check the permissions, or the login"


class Unavailable(BackendError):
    """No answer, or none that can be used; trying later may help."""


class ConflictError(PolymaskError):
    """Somebody else holds it or changed it (exit 4)."""

    exit_code = 4
    way_out = "run the same command again when the other is done"


class SourceChanged(ConflictError):
    """The annotations are no longer those that were read."""


class Locked(ConflictError):
    """Another run works on the same destination."""


class ProofError(PolymaskError):
    """A stored mask is not what it claims to be; nothing was deleted (exit 5)."""

    exit_code = 5
    way_out = "convert again with --overwrite, then verify"


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that is not in a table, with the nearest one that is.

    >>> unknown("layout", "vok", ["index", "voc"])
    "no layout 'vok'; did you mean 'voc'? There are: index, voc"
    """
    known = list(known)
    hint = f"{near} There are" if (near := nearest(name, known)) else "there are"
    return f"no {what} '{name}'; {hint}: {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the known name that is nearest, or nothing.

    >>> nearest("overlaps", ["border", "overlap"])
    "did you mean 'overlap'?"
    """
    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""
