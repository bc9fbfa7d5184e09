"""The reader of formats with one record per image, in a file each or in a list in one file.

Every record is parsed twice: once to check all records before anything is written, and again when its
image is converted. So memory holds one image's instances at a time.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec

from polymask.codecs.picture_files import PictureFinder
from polymask.errors import FormatError
from polymask.formats.reading.content import Content
from polymask.formats.reading.contract import Annotations, ReadOptions
from polymask.formats.reading.notes import Frames, Notes
from polymask.formats.reading.refusals import Malformed, Refusals
from polymask.formats.reading.texts.pages import Page
from polymask.labels.label_map import Categories
from polymask.ledger import Ledger
from polymask.model import ImageRecord, Skipped
from polymask.storage.remote.urls import Location

Parse = Callable[[Page, Notes], ImageRecord | None]


def gather(  # noqa: PLR0913 - formats differ in all of these
    content: Content,
    options: ReadOptions,
    pages: Iterable[Page],
    *,
    format: str,
    parse: Parse,
    categories: Categories | None = None,
    declares: Callable[[Page], int] = lambda _: 0,
    skipped: Iterable[Skipped] = (),
    pictures: PictureFinder | None = None,
    keep_originals: bool = False,
) -> Annotations:
    """Check every page, and return annotations that parse a page again when its record is needed.

    Without `categories` the labels are those that occur, sorted by name; `skipped` are records that
    were left out before; `pictures` finds pictures, by default in the content's place. `declares` counts
    the annotations of a page that is refused as a whole. Raises `FormatError` for the first malformed
    record, unless the options leave such records out.
    """
    pictures = pictures or PictureFinder(content.place, options.images)
    reader = Reader(content.path, pictures, options, parse)
    reader.many = not content.place.is_file
    for page in pages:
        reader.check(page, declares)
    if not (reader.names or reader.skipped or reader.images_left_out or reader.unsupported):
        advice = "" if content.place.is_file else "name the file that holds them as SOURCE"
        raise FormatError(f"no annotations of the format {format} in it", file=content.path, advice=advice)
    annotations = reader.annotations(format, keep_originals=keep_originals)
    return replace(
        annotations,
        categories=tuple(categories) if categories is not None else annotations.categories,
        skipped=(*skipped, *annotations.skipped),
        picture_file=lambda at: pictures.find(*reader.picture_names[at], beside=reader.pages[at].file.name),
    )


class Reader:
    """Collects the usable pages, and the notes about them."""

    def __init__(self, path: Location, pictures: Frames, options: ReadOptions, parse: Parse) -> None:
        self.path, self.pictures, self.options, self.parse = path, pictures, options, parse
        self.ledger = Ledger()
        self.pages: list[Page] = []
        self.refused: list[int] = []
        self.names: list[str] = []
        self.source_names: list[str] = []
        self.groups: list[tuple[str, ...]] = []
        self.picture_names: list[tuple[str, ...]] = []
        self.sized_by_pictures: list[int] = []
        self.used: Counter[str] = Counter()
        self.skipped: list[Skipped] = []
        self.unsupported: list[Skipped] = []
        self.unchosen: list[Skipped] = []
        self.images_left_out: list[Skipped] = []
        self.remarks: Counter[str] = Counter()
        self.many = True

    def annotations(self, format: str, *, keep_originals: bool = False) -> Annotations:
        """The annotations of all checked pages; the labels are those that occur, sorted by name."""
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
        record = self._parse_page(page, notes)
        image = record.name if record is not None else notes.image
        self.skipped += [self._placed(page, refused, image) for refused in notes.refusals.skipped]
        if record is not None:
            self._take_notes(notes, record.name)
            self.options.limits.check_record(f"{page.file.path}: {page.where}", record)
            if notes.frame_unknown:
                self.sized_by_pictures.append(len(self.pages))
            self.pages.append(page)
            self.refused.append(len(notes.refusals.skipped))
            self.names.append(record.name)
            self.source_names.append(notes.source_name or record.name)
            self.groups.append(notes.groups)
            self.picture_names.append(notes.picture_names or (record.name,))
            self.used.update(instance.label for instance in record.instances)
            self._count(notes, record)
        elif notes.image_left_out or notes.no_image:
            self._take_notes(notes, notes.image)
            self.ledger.add_image_left_out(declared=notes.declared, left_out=notes.left_out)
        else:
            self.ledger.add_invalid(_declared_count(page, declares))

    def _count(self, notes: Notes, record: ImageRecord) -> None:
        self.ledger.add_image(
            declared=notes.declared,
            instances=len(record.instances),
            joined=notes.joined,
            left_out=notes.left_out,
        )

    def _take_notes(self, notes: Notes, image: str) -> None:
        self.unsupported += [
            Skipped(image, f"{skipped.name}: {skipped.reason}") for skipped in notes.unsupported
        ]
        self.unchosen += [Skipped(image, f"{skipped.name}: {skipped.reason}") for skipped in notes.unchosen]
        self.remarks.update(notes.remarks)
        if notes.image_left_out:
            self.images_left_out.append(Skipped(image, notes.image_left_out))

    def _parse_page(self, page: Page, notes: Notes) -> ImageRecord | None:
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
        """The i-th image's JSON as written."""
        return bytes(self.pages[index].json)

    def record(self, index: int) -> ImageRecord:
        """The record of the i-th image, without the annotations that were refused."""
        page = self.pages[index]
        notes = Notes(page, self.options, Refusals(page.file.path, skip=True), self.pictures)
        try:
            record = self.parse(page, notes)
        except Malformed as error:  # the file changed after the check
            raise FormatError(error.reason, file=page.file.path, place=error.where) from None
        if record is None:
            raise FormatError(f"{notes.image} has become an image to be left out", file=page.file.path)
        if len(notes.refusals.skipped) > self.refused[index]:  # malformed only for the picture's real size
            refusal = notes.refusals.skipped[-1]
            raise FormatError(f"{refusal.name}: {refusal.reason}", file=page.file.path)
        return record


def _declared_count(page: Page, declares: Callable[[Page], int]) -> int:
    """How many annotations a refused page declares; 0 where it cannot be read."""
    try:
        return declares(page)
    except (FormatError, Malformed, msgspec.MsgspecError, RecursionError):
        return 0
