"""The rows of a COCO file: images, categories and annotations as written, and the checks of each."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from polymask.errors import FormatError
from polymask.formats import ReadOptions
from polymask.formats.parsing.doubled_keys import doubled_in_rows, doubled_key
from polymask.formats.reading.ids import record_id
from polymask.formats.reading.refusals import Malformed, Refusals
from polymask.model import Frame
from polymask.storage.image_names import local_name, without_secrets
from polymask.storage.remote.urls import Location

Number = int | float
Key = int | float | str  # 7, 7.0 and 7e0 are one key: they are equal, and hash equal


UNSIZED = (0, 0)  # the frame of an image whose size must be taken from its picture


class Image(msgspec.Struct, gc=False):
    """A row of `images`."""

    id: Key
    file_name: str
    height: Number
    width: Number

    @property
    def frame(self) -> Frame:
        """(height, width), whole numbers once they are checked; `UNSIZED` where either is 0."""
        return (int(self.height), int(self.width)) if self.height and self.width else UNSIZED


class Category(msgspec.Struct, gc=False):
    """A row of `categories`."""

    id: Key
    name: str


class Annotation(msgspec.Struct, gc=False):
    """A row of `annotations`, its segmentation and its box undecoded."""

    image_id: Key
    category_id: Key
    id: Key | None = None
    segmentation: msgspec.Raw = msgspec.Raw(b"null")
    iscrowd: Number | bool | None = None
    bbox: msgspec.Raw = msgspec.Raw(b"null")


NO_LIST = msgspec.Raw(b"null")


class Sections(msgspec.Struct):
    """The required lists of a file, undecoded; `categories` is `NO_LIST` where it is missing."""

    images: msgspec.Raw
    annotations: msgspec.Raw
    categories: msgspec.Raw = NO_LIST


sections_decoder = msgspec.json.Decoder(Sections)


T = TypeVar("T", bound=Image | Category | Annotation)
_DEFAULTS = {
    kind: {field.name: field.default for field in msgspec.structs.fields(kind)}
    for kind in (Image, Category, Annotation)
}
_REPEATED_KEY = "the key '{}' is there twice"


def refuse_doubled(path: Location | str, text: bytes) -> None:
    """Raise `FormatError` where a file repeats one of its lists, as a reader sees only one of them."""
    if key := doubled_key(text, Sections.__struct_fields__):
        raise FormatError(
            f"{_REPEATED_KEY.format(key)}",
            file=path,
            place=f"$.{key}",
            advice="join the two, or take one out",
        )


def refuse_doubled_rows(
    text: bytes | msgspec.Raw,
    rows: list[tuple[int, T]],
    where: str,
    refusals: Refusals,
    *,
    first: int = 0,
    mended: bool = False,
) -> list[tuple[int, T]]:
    """The rows without a repeated key; the others are refused.

    Rows that were `mended` may have more keys than the text.
    """
    written = bytes(text) if rows else b""
    if not mended and not any(
        written.count(b'"%b"' % key.encode()) > row_count for key, row_count in _key_counts(rows)
    ):
        return rows  # the text has no more keys than the rows
    doubled = dict(doubled_in_rows(written, type(rows[0][1]).__struct_fields__))
    for number, _ in rows:
        if key := doubled.get(number - first):
            refusals.refuse(f"{where}[{number}].{key}", _REPEATED_KEY.format(key))
    return [(number, row) for number, row in rows if number - first not in doubled]


def _key_counts(rows: Sequence[tuple[int, Image | Category | Annotation]]) -> Iterator[tuple[str, int]]:
    """How many rows have each key; a key with its default value counts as missing."""
    for key, default in _DEFAULTS[type(rows[0][1])].items() if rows else ():
        if default is msgspec.NODEFAULT:
            yield key, len(rows)
        else:
            yield key, sum(getattr(row, key) != default for _, row in rows)


def positions_of(
    images: Sequence[tuple[int, Image]], refusals: Refusals, options: ReadOptions
) -> dict[Key, int]:
    """The position of each image id in the list; malformed images are refused.

    So are all images of an id that several have: nothing tells whose its annotations are.
    """
    positions: dict[Key, int] = {}
    shared: dict[Key, str] = {}  # ids that several images have, with the place of the second
    for index, image in images:
        if image.id in positions:
            shared.setdefault(image.id, f"$.images[{index}]")
        if refusals.catch(f"$.images[{index}]", _check_image, image, positions):
            options.limits.check_frame(f"{refusals.path}: $.images[{index}]", image.frame)
            positions[image.id] = index
    for key, second in shared.items():
        refusals.refuse(f"$.images[{positions.pop(key)}].id", f"{second} has the id {key!r} as well")
    return positions


def _check_image(image: Image, positions: dict[Key, int]) -> bool:
    for side in ("height", "width"):
        if size := getattr(image, side):
            check_side(f"$.{side}", size)
    name = image.file_name
    if not name:
        raise Malformed("$.file_name", "the name is empty")
    if (":" in name or not name.strip("./\\")) and not local_name(name):
        raise Malformed("$.file_name", f"no image's name is in {without_secrets(name)!r}")
    if image.id in positions:
        raise Malformed("$.id", f"$.images[{positions[image.id]}] has the id {image.id!r} as well")
    return True


def category_names(categories: Sequence[tuple[int, Category]], refusals: Refusals) -> dict[Key, str]:
    """Category ids to names, in ascending order of id."""
    names: dict[Key, str] = {}
    for index, category in categories:
        refusals.catch(f"$.categories[{index}]", _add_category, category, names)
    return dict(sorted(names.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def _add_category(category: Category, names: dict[Key, str]) -> None:
    if category.id in names:
        raise Malformed("$.id", f"category '{names[category.id]}' has the id {category.id!r} as well")
    if not category.name:
        raise Malformed("$.name", "the name is empty")
    names[category.id] = category.name


def check_side(where: str, size: Number) -> None:
    """Raise `Malformed` for a side that is no whole number above 0."""
    if size <= 0 or size != int(size):
        raise Malformed(where, f"an image is a whole number of pixels large, not {size}")


def category_id(key: Key) -> int | None:
    """The id as a whole number, which a label can have; None for other ids."""
    number = record_id(key)
    return number if isinstance(number, int) else None
