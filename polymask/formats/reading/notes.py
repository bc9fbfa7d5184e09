"""What a parser of one page notes: what it leaves out and why, and frames that only pictures tell."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from polymask.formats.reading.contract import ReadOptions
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page
from polymask.ledger import INVALID, UNCHOSEN, Omitted, Reason
from polymask.model import Frame, Instance, Skipped
from polymask.storage.image_names import local_name, without_secrets

T = TypeVar("T")
P = ParamSpec("P")
Made = Instance | Omitted  # what becomes of an annotation, unless it is refused
MALFORMED = Omitted(*INVALID)
NO_PIXELS = Omitted("unsegmented", "a segment without pixels")
NO_SIZE = "{count} images tell no size: it is that of their pictures"
NOT_SEEN = (1, 1)  # the frame of a picture, while records are only checked


class Frames(Protocol):
    """Where frames come from that records do not tell."""

    def frame(self, name: str, *, beside: str) -> Frame: ...  # noqa: D102


@dataclass(slots=True)
class Notes:
    """What a parser may ask for, and what it notes on its way through one page.

    A parser that gives no record names in `image` what it is of, and says why in `image_left_out`
    where it is an image, or by `no_image` that it is none.
    `remarks` count what is worth telling once, as texts with a `{count}`. `source_name` is what the file
    calls the image, where that is not its name; `groups` are its subset and its task, as the file tells
    them.
    """

    page: Page
    options: ReadOptions
    refusals: Refusals
    pictures: Frames | None = None
    unsupported: list[Skipped] = field(default_factory=list)
    unchosen: list[Skipped] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    declared: int = 0
    joined: int = 0
    left_out: Counter[Reason] = field(default_factory=Counter)
    unseen: bool = False
    image: str = ""
    image_left_out: str = ""
    no_image: bool = False
    source_name: str = ""
    groups: tuple[str, ...] = ()

    def named(self, address: str, name: str | None = None) -> str:
        """What an image is called that the file names by an address: `name`, else the path in it.

        Raises `Malformed` where nothing is left of it.
        """
        name = local_name(address) if name is None else name
        if not name:
            raise Malformed("$", f"no image's name is in {without_secrets(address)!r}")
        self.source_name = address
        return name

    def frame(self, name: str) -> Frame:
        """The frame of a picture; a stand-in while records are only checked, which `unseen` tells."""
        if self.pictures is None:
            self.unseen = True
            return NOT_SEEN
        frame = self.pictures.frame(name, beside=self.page.file.name)
        self.options.limits.check_frame(name, frame)
        return frame

    def told_frame(self, height: float | None, width: float | None, *, name: str = "") -> Frame:
        """The frame that a record tells; raises `Malformed` where it is no whole number of pixels.

        Where a side is missing or 0, the frame is that of the picture of a `name`, if there is one.
        """
        if name and not (height and width):
            self.remarks[NO_SIZE] += 1
            return self.frame(name)
        for size in (height, width):
            if size is None or size <= 0 or size != int(size):
                raise Malformed("$", f"an image is a whole number of pixels large, not {height} × {width}")
        frame = int(height or 0), int(width or 0)
        self.options.limits.check_frame(str(self.page.file.path), frame)
        return frame

    def leave_out(self, omitted: Omitted, count: int = 1) -> None:
        """Count annotations of which nothing is read."""
        self.declared += count
        self._omit(omitted, count)

    def segments(self, instances: Iterable[Instance], *, declared: int) -> tuple[Instance, ...]:
        """The instances of a legend that declares so many; those without pixels are counted."""
        made = tuple(instances)
        self.declared += len(made)
        self.leave_out(NO_PIXELS, declared - len(made))
        return made

    def _omit(self, omitted: Omitted, count: int = 1) -> None:
        if count:
            self.left_out[omitted.reason] += count
        if omitted.annotation:
            listed = self.unchosen if omitted.kind in UNCHOSEN else self.unsupported
            listed.append(Skipped(omitted.annotation, omitted.text))

    def take(
        self, where: str, make: Callable[P, Made], *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[Instance]:
        """The instance that `make` gives for one annotation, if it is any; a malformed one is refused."""
        self.declared += 1
        made = self.refusals.catch(where, make, *args, **kwargs)
        if isinstance(made, Instance):
            yield made
        elif made is None:
            self.left_out[INVALID] += 1
        else:
            self._omit(made)

    def each(
        self, rows: msgspec.Raw, kind: type[T], where: str, make: Callable[[int, T], Made]
    ) -> tuple[Instance, ...]:
        """The instances that `make` gives for the rows of a JSON list at a place in the page.

        Malformed rows are refused with their place.
        """
        place = self.page.where + where.removeprefix("$")
        before = len(self.refusals.skipped)
        readable = self.refusals.rows(rows, kind, place)
        if refused := len(self.refusals.skipped) - before:
            self.declared += refused
            self.left_out[INVALID] += refused
        return tuple(
            instance
            for index, row in readable
            for instance in self.take(f"{place}[{index}]", _placed, make, index, row)
        )


def _placed(make: Callable[[int, T], Made], index: int, row: T) -> Made:
    with inside("$"):
        return make(index, row)
