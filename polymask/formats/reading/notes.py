"""The notes of a page's parser: omissions with their reasons, and frames taken from pictures."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from polymask.errors import InputError
from polymask.formats.reading.contract import ReadOptions
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import INVALID, UNCHOSEN, Omitted, Reason
from polymask.model import Frame, Instance, Skipped
from polymask.storage.image_names import local_name, without_secrets

T = TypeVar("T")
P = ParamSpec("P")
ReadAnnotation = Instance | Omitted  # an annotation once it is read: painted, or omitted for a reason
MALFORMED = Omitted(*INVALID)
NO_PIXELS = Omitted("unsegmented", "a segment without pixels")
TEXT_SIZES = "the sizes of {count} images are text, and were read as numbers"
NO_SIZE = "{count} images have no size in the file: it is taken from their pictures"
UNKNOWN_FRAME = (1, 1)  # the frame of a picture, while records are only checked


Side = float | str | None  # an image's height or width, as a record has it
_WHOLE = re.compile(r"\s*[0-9]{1,15}(\.0*)?\s*")


def number_in(side: Side) -> float | None:
    """A side as a number; raises `Malformed` for a text that is no whole number.

    Examples:
        >>> number_in("16"), number_in(20), number_in(None)
        (16.0, 20, None)
    """
    if isinstance(side, str):
        if not _WHOLE.fullmatch(side):
            raise Malformed("$", f"an image is a whole number of pixels large, not {side[:40]!r}")
        return float(side)
    return side


def is_size(height: Side, width: Side) -> bool:
    """Whether both sides are there, and not 0; raises `Malformed` as `number_in` does.

    Examples:
        >>> is_size("16", 20), is_size("0", 20), is_size(16, None)
        (True, False, False)
    """
    return bool(number_in(height) and number_in(width))


class Frames(Protocol):
    """The source of frames that records do not give."""

    def frame(self, name: str, *others: str, beside: str) -> Frame: ...  # noqa: D102


class Notes(msgspec.Struct):
    """The context of a parser, and its notes on one page.

    A parser that returns no record sets `image` to the image's name, and either `image_left_out` to the
    reason or `no_image` where the page does not describe an image at all.

    Attributes:
        page: The page that is parsed.
        options: The reader's options.
        refusals: Takes malformed annotations.
        pictures: The frames of pictures; None while records are only checked.
        unsupported: Annotations that polymask cannot paint.
        unchosen: Annotations that the options did not select.
        remarks: Counts of what the report says once, by a text with a `{count}`.
        declared: How many annotations the page declares.
        joined: How many of them became part of another's instance.
        left_out: How many were left out, by reason.
        frame_unknown: Whether `UNKNOWN_FRAME` stands in for the picture's frame.
        image: The image's name, where no record is returned.
        image_left_out: Why the image is left out.
        no_image: Whether the page describes no image.
        source_name: The image's name in the file, where it differs from the record's.
        groups: The image's subset and task, where the file has them.
        picture_names: What the picture may be called, the likeliest first; where empty, as the image.
    """

    page: Page
    options: ReadOptions
    refusals: Refusals
    pictures: Frames | None = None
    unsupported: list[Skipped] = []
    unchosen: list[Skipped] = []
    remarks: Counter[str] = msgspec.field(default_factory=Counter)
    declared: int = 0
    joined: int = 0
    left_out: Counter[Reason] = msgspec.field(default_factory=Counter)
    frame_unknown: bool = False
    image: str = ""
    image_left_out: str = ""
    no_image: bool = False
    source_name: str = ""
    groups: tuple[str, ...] = ()
    picture_names: tuple[str, ...] = ()

    def image_name(self, address: str, name: str | None = None) -> str:
        """The name of an image that the file names by an address: `name`, else the path in the address.

        Raises `Malformed` where the address holds no name.
        """
        name = local_name(address) if name is None else name
        if not name:
            raise Malformed("$", f"no image's name is in {without_secrets(address)!r}")
        self.source_name = address
        return name

    def frame(self, name: str) -> Frame:
        """The frame of a picture; while records are only checked, `UNKNOWN_FRAME` and `frame_unknown`."""
        if self.pictures is None:
            self.frame_unknown = True
            return UNKNOWN_FRAME
        frame = self._picture_frame(self.pictures, *(self.picture_names or (name,)))
        self.options.limits.check_frame(name, frame)
        return frame

    def _picture_frame(self, pictures: Frames, name: str, *others: str) -> Frame:
        """The frame of a picture, which may lie in a folder named like its subset or task."""
        for folder in filter(None, self.groups):
            with suppress(InputError):
                return pictures.frame(f"{folder}/{name}", beside=self.page.file.name)
        return pictures.frame(name, *others, beside=self.page.file.name)

    def declared_frame(self, height: Side, width: Side, *, name: str = "") -> Frame:
        """The frame that a record declares; raises `Malformed` for a side that is no whole number of pixels.

        A side may be the text of a number. Where one is missing or 0, it is the frame of the picture `name`,
        if a name is given.
        """
        if isinstance(height, str) or isinstance(width, str):
            height, width = number_in(height), number_in(width)
            self.remarks[TEXT_SIZES] += 1
        if name and not (height and width):
            self.remarks[NO_SIZE] += 1
            return self.frame(name)
        for size in (height, width):
            if size is None or size <= 0 or size != int(size):
                raise Malformed("$", f"an image is a whole number of pixels large, not {height} × {width}")
        frame = int(height or 0), int(width or 0)
        self.options.limits.check_frame(str(self.page.file.path), frame)
        return frame

    def leave_out(self, omission: Omitted, count: int = 1) -> None:
        """Count annotations that are declared and not painted."""
        self.declared += count
        self._omit(omission, count)

    def segments(self, instances: Iterable[Instance], *, declared: int) -> tuple[Instance, ...]:
        """The instances of a legend with `declared` entries; entries without pixels are counted."""
        painted = tuple(instances)
        self.declared += len(painted)
        self.leave_out(NO_PIXELS, declared - len(painted))
        return painted

    def _omit(self, omission: Omitted, count: int = 1) -> None:
        if count:
            self.left_out[omission.reason] += count
        if omission.annotation:
            listed = self.unchosen if omission.kind in UNCHOSEN else self.unsupported
            listed.append(Skipped(omission.annotation, omission.text))

    def take(
        self, where: str, make: Callable[P, ReadAnnotation], *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[Instance]:
        """Yield the instance that `make` returns for one annotation; count an omission, refuse a fault."""
        self.declared += 1
        outcome = self.refusals.catch(where, make, *args, **kwargs)
        if isinstance(outcome, Instance):
            yield outcome
        elif outcome is None:
            self.left_out[INVALID] += 1
        else:
            self._omit(outcome)

    def make_instances(
        self, rows: msgspec.Raw, kind: type[T], where: str, make: Callable[[int, T], ReadAnnotation]
    ) -> tuple[Instance, ...]:
        """The instances that `make` returns for the rows of the JSON list at `where` in the page.

        Malformed rows are refused with their place.
        """
        place = self.page.where + where.removeprefix("$")
        refused_before = len(self.refusals.skipped)
        readable = self.refusals.rows(rows, kind, place)
        if refused := len(self.refusals.skipped) - refused_before:
            self.declared += refused
            self.left_out[INVALID] += refused
        return tuple(
            instance
            for index, row in readable
            for instance in self.take(f"{place}[{index}]", _placed, make, index, row)
        )


def _placed(make: Callable[[int, T], ReadAnnotation], index: int, row: T) -> ReadAnnotation:
    with inside("$"):
        return make(index, row)
