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

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Self


class PolymaskError(Exception):
    """The root: `except polymask.PolymaskError` catches all that polymask raises.

    `message` is what is wrong, `file` and `place` where (a path or URL, and the place in it, e.g. a
    JSON path), `advice` what to do about it, `status` the HTTP status where a service answered. As
    text, an error is all that it was made with.

    >>> error = FormatError("missing", file="a.json", place="$.images", advice="export it again")
    >>> str(error), error.place
    ('a.json: $.images: missing; export it again', '$.images')
    """

    exit_code: int = 1
    usual_advice: ClassVar[str] = "run the same command again, and report it if it stays"

    def __init__(
        self,
        message: str = "",
        *,
        advice: str | None = None,
        file: object = None,
        place: str | None = None,
        status: int | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.place, self.status = message, place, status
        self.file = None if file is None else str(file)
        self.special_advice = advice
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def advice(self) -> str:
        """What to do about it: the error's, else that of its kind."""
        return self.usual_advice if self.special_advice is None else self.special_advice

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.file, self.place, self.message) if part)
        return f"{text}; {self.special_advice}" if self.special_advice else text

    def within(self, *, file: object = None, place: str | None = None, advice: str | None = None) -> Self:
        """The same error of a place further out: `file` and `place` lead those that it names.

        >>> str(LabelError("no name", place="line 3").within(file="labels.txt"))
        'labels.txt: line 3: no name'
        """
        outer = type(self).__new__(type(self))
        outer.args = self.args
        vars(outer).update(vars(self))  # `copy` would ask whatever a library has registered for exceptions
        outer.file = _joined(None if file is None else str(file), self.file)
        outer.place = _joined(place, self.place)
        outer.special_advice = self.special_advice if advice is None else advice
        return outer

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what `--json` prints."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "advice": self.advice,
            "file": self.file,
            "place": self.place,
            "exit_code": self.exit_code,
        }


def _joined(outer: str | None, inner: str | None) -> str | None:
    return ": ".join(part for part in (outer, inner) if part) or None


class InputError(PolymaskError, ValueError):
    """What was handed in cannot be used; nothing was written (exit 2)."""

    exit_code = 2
    usual_advice = "correct it, or see `polymask --help`"


class FormatError(InputError):
    """A file does not hold what its format says; names the file and the place in it."""

    usual_advice = "correct the file or export it again; if it is of another format, name that with --from"


class GeometryError(InputError):
    """A ring, a run or a frame that has no pixels to speak of."""

    usual_advice = "correct the annotation, or leave it out with --skip-invalid"


class LabelError(InputError):
    """Labels, pixel values or colors that do not fit together."""

    usual_advice = "correct the label map, or name another with --labels"


class LimitError(InputError):
    """Larger than the limits allow; names the flag that raises the limit."""

    usual_advice = "leave it out, or raise the limit if that is right"


class BackendError(PolymaskError, OSError):
    """The service or the disk failed (exit 3); `status` is the HTTP status, where a service answered."""

    exit_code = 3
    usual_advice = "run the same command again: what is done stays done"


class NotFound(BackendError):
    """What was asked for is not there (exit 2 where it is what is to be read)."""

    usual_advice = "check the path"


class Denied(BackendError):
    """The service or the file system says no."""

    usual_advice = "check the permissions, or the login"


class Unavailable(BackendError):
    """No answer, or none that can be used; trying later may help."""


class ConflictError(PolymaskError):
    """Somebody else holds it or changed it (exit 4)."""

    exit_code = 4
    usual_advice = "run the same command again when the other is done"


class SourceChanged(ConflictError):
    """The annotations are no longer those that were read."""


class Locked(ConflictError):
    """Another run works on the same destination."""


class ProofError(PolymaskError):
    """A stored mask is not what it claims to be; nothing was deleted (exit 5)."""

    exit_code = 5
    usual_advice = "convert again with --overwrite, then verify"


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Let an `InputError` from within that names neither file nor place name this file.

    >>> with naming("a.json"):
    ...     raise LabelError("no label 'cta'")
    Traceback (most recent call last):
    polymask.errors.LabelError: a.json: no label 'cta'
    """
    try:
        yield
    except InputError as error:
        if error.file or error.place:
            raise
        raise error.within(file=file) from None


def unknown(what: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not in a table, with the nearest one that is.

    >>> print(unknown("layout", "vok", ["index", "voc"]))
    no layout 'vok'; did you mean 'voc'? There are: index, voc
    """
    known = list(known)
    hint = f"{near} There are" if (near := nearest(name, known)) else "there are"
    return InputError(f"no {what} '{name}'", advice=f"{hint}: {', '.join(known)}")


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean …?` with the known name that is nearest, or nothing.

    >>> nearest("overlaps", ["border", "overlap"])
    "did you mean 'overlap'?"
    """

    from difflib import get_close_matches  # quick to start without

    close = get_close_matches(name, list(known), 1)
    return f"did you mean '{close[0]}'?" if close else ""
