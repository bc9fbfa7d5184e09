"""Every error that polymask raises on purpose, and its exit code.

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

Where Python has a matching error, the class inherits from both, so that callers
can catch either:

>>> from polymask import FormatError
>>> try:
...     raise FormatError("instances.json: $.images: missing")
... except ValueError as error:
...     print(error)
instances.json: $.images: missing
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

MOST_LABELS = 20  # that an advice lists


class PolymaskError(Exception):
    """The base class: `except polymask.PolymaskError` catches all errors of polymask.

    `message` says what is wrong, `file` and `place` say where (a path or URL, and the place in it, e.g.
    a JSON path), `advice` says what to do, `status` is the HTTP status where a service answered. The
    text of an error joins file, place, message and advice.

    Examples:
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
        """What to do about the error; without special advice, the usual advice of its class."""
        return self.usual_advice if self.special_advice is None else self.special_advice

    @property
    def problem(self) -> str:
        """The text of the error without its advice."""
        return ": ".join(part for part in (self.file, self.place, self.message) if part)

    def __str__(self) -> str:
        return f"{self.problem}; {self.special_advice}" if self.special_advice else self.problem

    def within(self, *, file: object = None, place: str | None = None, advice: str | None = None) -> Self:
        """The same error with more context: `file` and `place` go before the present ones.

        Examples:
            >>> str(LabelError("no name", place="line 3").within(file="labels.txt"))
            'labels.txt: line 3: no name'
        """
        outer = type(self).__new__(type(self))
        outer.args = self.args
        vars(outer).update(vars(self))  # unlike `copy`, without the reducers that libraries register
        outer.file = _joined(None if file is None else str(file), self.file)
        outer.place = _joined(place, self.place)
        outer.special_advice = self.special_advice if advice is None else advice
        return outer

    def to_dict(self) -> dict[str, Any]:
        """The error as plain values, as `--json` prints it."""
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
    """The input cannot be used; nothing was written (exit 2)."""

    exit_code = 2
    usual_advice = "correct it, or see `polymask --help`"


class FormatError(InputError):
    """A file does not hold what its format says; names the file and the place in it."""

    usual_advice = "correct the file or export it again; if it is of another format, name that with --from"


class GeometryError(InputError):
    """A ring, run or frame that cannot be drawn."""

    usual_advice = "correct the annotation, or leave it out with --skip-invalid"


class LabelError(InputError):
    """Labels, pixel values or colors that do not fit together."""

    usual_advice = "correct the label map, or name another with --labels"


class LimitError(InputError):
    """An input larger than the limits allow; the error names the flag that raises the limit."""

    usual_advice = "leave it out, or raise the limit if that is right"


class BackendError(PolymaskError, OSError):
    """The service or the disk failed (exit 3); `status` is the HTTP status, where a service answered."""

    exit_code = 3
    usual_advice = "run the same command again: what is done stays done"


class NotFound(BackendError):
    """A file, folder, dataset or item does not exist (exit 2 for a missing SOURCE)."""

    usual_advice = "check the path"


class Denied(BackendError):
    """The service or the file system denies access."""

    usual_advice = "check the permissions, or the login"


class Unavailable(BackendError):
    """The service gave no usable answer; trying later may help."""


class ConflictError(PolymaskError):
    """Somebody else holds or changed the data (exit 4)."""

    exit_code = 4
    usual_advice = "run the same command again when the other is done"


class SourceChanged(ConflictError):
    """The annotations changed after they were read."""


class Locked(ConflictError):
    """Another run works on the same destination."""


class ProofError(PolymaskError):
    """A stored mask is not what it claims to be; nothing was deleted (exit 5)."""

    exit_code = 5
    usual_advice = "convert again with --overwrite, then verify"


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Add the file to an `InputError` raised inside, unless it names a file or place.

    Examples:
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


def unknown(kind: str, name: str, names: Iterable[str]) -> InputError:
    """The error for a name that is not in a table, with the nearest name in it.

    Examples:
        >>> print(unknown("layout", "vok", ["index", "voc"]))
        no layout 'vok'; did you mean 'voc'? There are: index, voc
    """
    listed = list(names)
    hint = f"{near} There are" if (near := nearest(name, listed)) else "there are"
    return InputError(f"no {kind} '{name}'", advice=f"{hint}: {', '.join(listed)}")


def no_such_label(name: str, names: Sequence[str]) -> LabelError:
    """The error for a requested label that does not exist, with the existing labels.

    Examples:
        >>> print(no_such_label("catt", ["cat", "dog"]))
        no label 'catt'; did you mean 'cat'? There are: cat, dog
    """
    listed = ", ".join([*names[:MOST_LABELS], *(["…"] if len(names) > MOST_LABELS else [])])
    hint = f"{near} There are" if (near := nearest(name, names)) else "there are"
    return LabelError(f"no label '{name}'", advice=f"{hint}: {listed or 'none'}")


def nearest(name: str, names: Iterable[str]) -> str:
    """`did you mean …?` with the nearest of `names`, or "" if none is near.

    Examples:
        >>> nearest("overlaps", ["border", "overlap"])
        "did you mean 'overlap'?"
    """
    from difflib import get_close_matches  # imported late for a quick start

    close = get_close_matches(name, list(names), 1)
    return f"did you mean '{close[0]}'?" if close else ""
