"""What formats with one record an image have in common, be it a file each or a list in one file.

Every record is parsed twice: once to check all of them before anything is written, and again
when its image is asked for. So memory holds one image's instances at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import ParamSpec, Protocol, TypeVar

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page
from polymask.labels.label_map import Categories
from polymask.ledger import INVALID, UNCHOSEN, Ledger, Omitted, Reason
from polymask.model import Frame, ImageRecord, Instance, Skipped
from polymask.storage.image_names import local_name, without_secrets
from polymask.storage.remote.urls import Location

T = TypeVar("T")
P = ParamSpec("P")
Made = Instance | Omitted  # what becomes of an annotation, unless it is refused
MALFORMED = Omitted(*INVALID)
NO_PIXELS = Omitted("unsegmented", "a segment without pixels")
NO_SIZE = "{count} images tell no size: it is that of their pictures"
NOT_SEEN = (1, 1)  # the frame of a picture, while records are only checked


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
    pictures: "Frames | None" = None
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
        if omitted.what:
            listed = self.unchosen if omitted.kind in UNCHOSEN else self.unsupported
            listed.append(Skipped(omitted.what, omitted.text))

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
        found = self.refusals.rows(rows, kind, place)
        if refused := len(self.refusals.skipped) - before:
            self.declared += refused
            self.left_out[INVALID] += refused
        return tuple(
            instance
            for index, row in found
            for instance in self.take(f"{place}[{index}]", _placed, make, index, row)
        )


def _placed(make: Callable[[int, T], Made], index: int, row: T) -> Made:
    with inside("$"):
        return make(index, row)


Parse = Callable[[Page, Notes], ImageRecord | None]


def gather(  # noqa: PLR0913 - what formats differ in
    content: Content,
    options: ReadOptions,
    pages: Iterable[Page],
    *,
    format: str,
    parse: Parse,
    categories: Categories | None = None,
    declares: Callable[[Page], int] = lambda _: 0,
    skipped: Iterable[Skipped] = (),
    keep_originals: bool = False,
) -> Annotations:
    """Check every page and give the annotations, which parse a page again when its image is asked for.

    Without `categories` the labels are those that occur, sorted by name; `skipped` was left out
    before. `declares` counts the annotations of a page that is refused as a whole. Raises
    `FormatError` for the first malformed record, unless such are to be left out.
    """
    pictures = PictureFinder(content.place, options.images)
    reader = Reader(content.path, pictures, options, parse)
    reader.many = not content.place.is_file
    for page in pages:
        reader.check(page, declares)
    if not (reader.names or reader.skipped or reader.images_left_out or reader.unsupported):
        raise FormatError(f"no annotations of the format {format} in it", file=content.path)
    annotations = reader.annotations(format, keep_originals=keep_originals)
    return replace(
        annotations,
        categories=tuple(categories) if categories is not None else annotations.categories,
        skipped=(*skipped, *annotations.skipped),
        picture_file=lambda at: pictures.find(reader.names[at], beside=reader.pages[at].file.name),
    )


class Frames(Protocol):
    """Where frames come from that records do not tell."""

    def frame(self, name: str, *, beside: str) -> Frame: ...  # noqa: D102


class Reader:
    """The pages that can be used, and what was noted about them."""

    def __init__(self, path: Location, pictures: Frames, options: ReadOptions, parse: Parse) -> None:
        self.path, self.pictures, self.options, self.parse = path, pictures, options, parse
        self.ledger = Ledger()
        self.pages: list[Page] = []
        self.refused: list[int] = []
        self.names: list[str] = []
        self.source_names: list[str] = []
        self.groups: list[tuple[str, ...]] = []
        self.sized_by_pictures: list[int] = []
        self.used: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.unsupported: list[Skipped] = []
        self.unchosen: list[Skipped] = []
        self.images_left_out: list[Skipped] = []
        self.remarks: Counter[str] = Counter()
        self.many = True

    def annotations(self, format: str, *, keep_originals: bool = False) -> Annotations:
        """What was read; the labels are those that occur, sorted by name."""
        return Annotations(
            path=self.path,
            format=format,
            categories=tuple((name, None) for name in sorted(self.used)),
            names=self.names,
            source_names=self.source_names,
            groups=self.groups,
            decode=self.record,
            used=dict(self.used),
            ledger=self.ledger,
            skipped=tuple(self.skipped),
            unsupported=tuple(self.unsupported),
            unchosen=tuple(self.unchosen),
            images_left_out=tuple(self.images_left_out),
            notes=tuple(text.format(count=count) for text, count in self.remarks.items()),
            original=self.original if keep_originals else None,
            sized_by_pictures=self.sized_by_pictures,
        )

    def check(self, page: Page, declares: Callable[[Page], int] = lambda _: 0) -> None:
        """Parse a page for the first time."""
        notes = Notes(page, self.options, Refusals(page.file.path, skip=self.options.skip_invalid))
        record = self._parsed(page, notes)
        image = record.name if record is not None else notes.image
        self.skipped += [self._placed(page, refused, image) for refused in notes.refusals.skipped]
        if record is not None:
            self._take_notes(notes, record.name)
            self.options.limits.check_record(f"{page.file.path}: {page.where}", record)
            if notes.unseen:
                self.sized_by_pictures.append(len(self.pages))
            self.pages.append(page)
            self.refused.append(len(notes.refusals.skipped))
            self.names.append(record.name)
            self.source_names.append(notes.source_name or record.name)
            self.groups.append(notes.groups)
            self.used.update(instance.label for instance in record.instances)
            self._count(notes, record)
        elif notes.image_left_out or notes.no_image:
            self._take_notes(notes, notes.image)
            self.ledger.add_image_left_out(declared=notes.declared, left_out=notes.left_out)
        else:
            self.ledger.add_invalid(_counted(page, declares))

    def _count(self, notes: Notes, record: ImageRecord) -> None:
        self.ledger.add_image(
            declared=notes.declared,
            instances=len(record.instances),
            joined=notes.joined,
            left_out=notes.left_out,
        )

    def _take_notes(self, notes: Notes, image: str) -> None:
        self.unsupported += [Skipped(image, f"{one.name}: {one.reason}") for one in notes.unsupported]
        self.unchosen += [Skipped(image, f"{one.name}: {one.reason}") for one in notes.unchosen]
        self.remarks.update(notes.remarks)
        if notes.image_left_out:
            self.images_left_out.append(Skipped(image, notes.image_left_out))

    def _parsed(self, page: Page, notes: Notes) -> ImageRecord | None:
        try:
            return notes.refusals.catch(page.where, self.parse, page, notes)
        except FormatError as error:
            if not (self.many and self.options.skip_invalid):
                raise
            notes.refusals.skipped.append(Skipped("", str(error).removeprefix(f"{page.file.path}: ")))
            return None

    def _placed(self, page: Page, skipped: Skipped, image: str) -> Skipped:
        parts = [page.file.name] if self.many else []
        name = ": ".join([*parts, *([skipped.name] if skipped.name else [])])
        return replace(skipped, name=name, image=skipped.image or image)

    def original(self, index: int) -> bytes:
        """The i-th image's JSON as it is written."""
        return bytes(self.pages[index].json)

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image, what was refused left out."""
        page = self.pages[index]
        notes = Notes(page, self.options, Refusals(page.file.path, skip=True), self.pictures)
        try:
            record = self.parse(page, notes)
        except Malformed as error:  # the file has changed since it was checked
            raise FormatError(error.reason, file=page.file.path, place=error.where) from None
        if record is None:
            raise FormatError(f"{notes.image} has become an image to be left out", file=page.file.path)
        if len(notes.refusals.skipped) > self.refused[index]:  # only the picture's size told
            wrong = notes.refusals.skipped[-1]
            raise FormatError(f"{wrong.name}: {wrong.reason}", file=page.file.path)
        return record


def _counted(page: Page, declares: Callable[[Page], int]) -> int:
    """How many annotations a page has that is refused as a whole, as far as it can be told."""
    try:
        return declares(page)
    except (FormatError, Malformed, msgspec.MsgspecError, RecursionError):
        return 0
