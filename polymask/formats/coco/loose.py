"""Loosely written COCO files: deviations of tools that are read where their meaning is certain.

Rows that follow the specification never come here: a row is mended only after strict decoding failed,
and an id is matched as text only if no id equals it. All mended rows are counted for a note.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

import msgspec

from polymask.formats.coco.rows import UNSIZED, Annotation, Category, Image, Key, T
from polymask.formats.reading.content import members
from polymask.formats.reading.contract import ReadOptions
from polymask.formats.reading.ids import TEXT_IDS, as_text, by_text
from polymask.formats.reading.notes import NO_SIZE, TEXT_SIZES, number_in
from polymask.formats.reading.refusals import Malformed, decode_json, row_decoder
from polymask.model import Frame

TEXT_CROWD = "`iscrowd` is text in {count} annotations"
NO_NAME = "{count} images without `file_name` are named by the last two parts of their `coco_url`"
NO_CATEGORIES = "the file has no categories: its {count} labels are the ids of categories"

NO_CATEGORY = "{count} annotations have no category, and the label of --default-label"
DEFAULT = "--default-label"  # the category id that annotations without a category get

_IMAGES, _CATEGORIES = "image", "category"
_NULL = msgspec.Raw(b"null")
_CROWD = {b'"0"': b"0", b'"1"': b"1"}
_text = msgspec.json.Decoder(str)


class Loose:
    """Mends loosely written rows and ids, and counts them in `remarks`.

    Annotations without a category get the `default_label`, if there is one. With `skip_parts`, rings of
    too few points are left out of segmentations that have other rings.
    """

    def __init__(self, default_label: str | None = None, *, skip_parts: bool = False) -> None:
        self.default_label, self.skip_parts = default_label, skip_parts
        self.remarks: Counter[str] = Counter()
        self._by_text: dict[str, dict[str, Key]] = {}
        self._mended_row: set[type] = set()

    @classmethod
    def of(cls, options: ReadOptions) -> "Loose":
        """As a reader's options require."""
        return cls(options.default_label, skip_parts=options.skip_invalid)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes for the report."""
        return notes_of(self.remarks)

    def unsized(self, frames: Iterable[Frame]) -> list[int]:
        """The indices of images whose size must be taken from their pictures; they are counted."""
        places = [place for place, frame in enumerate(frames) if frame == UNSIZED]
        if places:
            self.remarks[NO_SIZE] += len(places)
        return places

    def categories(self, annotations: Iterable[Annotation]) -> list[tuple[int, Category]]:
        """The categories of a file that lists none, named by their ids."""
        keys = dict.fromkeys(annotation.category_id for annotation in annotations)
        by_text = {as_text(key): key for key in keys}
        self.remarks[NO_CATEGORIES] += len(by_text)
        return list(enumerate(Category(key, self.label_of(key)) for key in by_text.values()))

    def label_of(self, key: Key) -> str:
        """The label of a category of which only the id is known."""
        return self.default_label if key == DEFAULT and self.default_label else as_text(key)

    def default_category(self) -> list[tuple[int, Category]]:
        """The category of annotations without one, if there is a default label."""
        return [(-1, Category(DEFAULT, self.default_label))] if self.default_label else []

    def has_mended(self, kind: type[T]) -> bool:
        """Whether any row of this kind was mended."""
        return kind in self._mended_row

    def decoder(self, kind: type[T]) -> Callable[[msgspec.Raw], T]:
        """A decoder for rows of this kind that mends loose ones; it raises `Malformed` for all others."""
        strict: msgspec.json.Decoder[T] = row_decoder(kind)  # type: ignore[arg-type]

        def decode(text: msgspec.Raw) -> T:
            try:
                return decode_json(text, strict)
            except Malformed as error:
                mended, remarks = _mended_row(text, kind, default=bool(self.default_label))
                if not mended:
                    raise Malformed(error.where, error.reason + _way_out(text, kind)) from None
            row = decode_json(mended, strict)
            self.remarks.update(remarks)
            self._mended_row.add(kind)
            return row

        return decode

    def image_id(self, key: Key, ids: Collection[Key]) -> Key:
        """The image id whose text equals that of `key`; raises `Malformed` where there is none."""
        return self._declared(_IMAGES, key, ids)

    def category_id(self, key: Key, ids: Collection[Key]) -> Key:
        """`image_id`, for categories."""
        return self._declared(_CATEGORIES, key, ids)

    def _declared(self, kind: str, key: Key, ids: Collection[Key]) -> Key:
        if kind not in self._by_text:
            self._by_text[kind] = by_text([key_of_list for key_of_list in ids if key_of_list != DEFAULT])
        declared = self._by_text[kind].get(as_text(key))
        if declared is None:
            raise Malformed(f"$.{kind}_id", f"no {kind} has the id {key!r}")
        self.remarks[TEXT_IDS] += 1
        return declared


def notes_of(remarks: "Counter[str]") -> tuple[str, ...]:
    """Remarks with their counts."""
    return tuple(text.format(count=f"{count:,}") for text, count in remarks.items() if count)


def _way_out(text: msgspec.Raw, kind: type[T]) -> str:
    lacks_category = kind is Annotation and members(text).get("category_id", _NULL) == _NULL
    return "; name annotations without a category with --default-label NAME" if lacks_category else ""


def _mended_row(text: msgspec.Raw, kind: type[T], *, default: bool) -> tuple[bytes, list[str]]:
    """The text of a row as it should be written, and remarks on its faults; empty if nothing was mended."""
    row = dict(members(text))
    original = dict(row)
    remarks: list[str] = []
    if kind is Image:
        remarks = _mend_image(row)
    elif kind is Annotation:
        remarks = _mend_annotation(row, default=default)
    return (msgspec.json.encode(row), remarks) if row != original else (b"", [])


def _mend_image(row: dict[str, msgspec.Raw]) -> list[str]:
    remarks = []
    if row.get("file_name", _NULL) == _NULL and (name := _last_parts(row.get("coco_url", _NULL))):
        row["file_name"] = msgspec.Raw(msgspec.json.encode(name))
        remarks.append(NO_NAME)
    for side in ("height", "width"):
        if row.get(side, _NULL) == _NULL:
            row[side] = msgspec.Raw(b"0")
    texts = {side: text for side in ("height", "width") if (text := _number_in(row[side]))}
    row |= texts
    return [*remarks, *([TEXT_SIZES] if texts else [])]


def _number_in(side: msgspec.Raw) -> msgspec.Raw | None:
    """The number in the text of a side; None where it is no text of a whole number."""
    if bytes(side)[:1] != b'"':
        return None
    with suppress(Malformed):
        return msgspec.Raw(msgspec.json.encode(number_in(_text.decode(side))))
    return None


def _last_parts(url: msgspec.Raw) -> str:
    """The last two parts of a URL, which Detectron2 uses as the names of LVIS's images."""
    try:
        return "/".join(_text.decode(url).split("?")[0].split("/")[-2:])
    except msgspec.DecodeError:
        return ""


def _mend_annotation(row: dict[str, msgspec.Raw], *, default: bool) -> list[str]:
    remarks = []
    if (crowd := _CROWD.get(bytes(row.get("iscrowd", b"")))) is not None:
        row["iscrowd"] = msgspec.Raw(crowd)
        remarks.append(TEXT_CROWD)
    if default and row.get("category_id", _NULL) == _NULL:
        row["category_id"] = msgspec.Raw(msgspec.json.encode(DEFAULT))
        remarks.append(NO_CATEGORY)
    return remarks
