"""Cityscapes polygon JSON (`*_gtFine_polygons.json`): a file per image, its objects in draw order.

Later objects are nearer, and painted over earlier ones. `cargroup` is a crowd of `car`; `license
plate`, whose id is negative, and deleted objects are not drawn; `unlabeled` paints background.
Image names drop `_gtFine_polygons`. Source: cityscapesScripts, `helpers/labels.py` for names and
ids, `preparation/json2labelImg.py` for what is drawn (its Pillow fills reach one pixel further
right and down than the `center` rule).
"""

from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath

import msgspec

from polymask.errors import FormatError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import Point, polygon
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import inside
from polymask.formats.reading.texts.pages import Page, files, rows_at
from polymask.labels.cityscapes import IDD, KNOWN, UNLABELED
from polymask.labels.label_map import BACKGROUND_NAMES
from polymask.ledger import Omitted
from polymask.model import ImageRecord, Instance

MANY = True
BACKGROUND, POLYGONS = "background", "_polygons.json"
assert BACKGROUND in BACKGROUND_NAMES

LABELS = {BACKGROUND if name == UNLABELED else name: row.id for name, row in KNOWN.items() if row.id >= 0}
NOT_DRAWN = frozenset(name for name, row in KNOWN.items() if row.id < 0)
IDD_ONLY = IDD.keys() - KNOWN.keys()
PAINTED_AS = {UNLABELED: BACKGROUND, "dashed dashed": "dashed"}  # the two dashed ones share id 34

FACTS = Facts(
    title="Cityscapes",
    source="cityscapesScripts: `helpers/labels.py`, `preparation/json2labelImg.py`",
    files="A `*_polygons.json` file per image; a folder is read with all of them below it.",
    sniffed="an object with `imgHeight`, `imgWidth` and `objects`, and no label that only IDD has",
    read=(
        ("imgHeight, imgWidth", "the frame"),
        (
            "objects[].label",
            "the label; `cargroup` is a crowd of `car`, `unlabeled` is background",
        ),
        ("objects[].polygon", "one ring, x, y in pixels"),
        ("objects[].deleted", "a deleted object is not drawn"),
    ),
    ignored="`id`, `user`, `date`, `verified`, `draw`.",
    rings="An object is one ring; there are no holes.",
    order="File order: later objects are nearer and painted over earlier ones.",
    labels="Cityscapes' table, with its ids: `--ids source` gives labelIds. `license plate` (id -1) is not "
    "drawn. A label that is not in the table is refused unless `--labels` knows it.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    limits=(
        "A polygon of fewer than 3 points paints nothing, and is counted.",
        "A folder of the scripts' PNGs without the polygons is of the format `masks`.",
    ),
    sample="cityscapes/bonn_000000_000001_gtFine_polygons.json",
)


class _File(msgspec.Struct):
    objects: msgspec.Raw
    imgHeight: Side = None  # noqa: N815 - the format's own words
    imgWidth: Side = None  # noqa: N815


class _Object(msgspec.Struct):
    label: str
    polygon: list[Point] = []
    deleted: bool | int | None = False
    id: int | str | None = None


class _Labeled(msgspec.Struct):
    label: str = ""


_file = msgspec.json.Decoder(_File)
_labels = msgspec.json.Decoder(list[_Labeled])


def is_polygons(content: Content) -> bool:
    """Whether the file has the keys that Cityscapes and IDD share; its name may replace the size."""
    sides = {"imgHeight", "imgWidth"}
    is_named = content.name.endswith(POLYGONS) and content.keys - sides == {"objects"}
    return is_named or sides | {"objects"} <= content.keys


def labels_in(content: Content) -> set[str]:
    """The labels of all objects; none where the objects are malformed."""
    try:
        return {row.label for row in _labels.decode(content.top["objects"])}
    except msgspec.DecodeError:
        return set()


def is_idd(content: Content) -> bool:
    """Whether the file has a label that IDD has and Cityscapes has not."""
    return not labels_in(content).isdisjoint(IDD_ONLY)


def sniff(content: Content) -> bool:
    """Whether the file has Cityscapes' keys, and no label that only IDD has."""
    return is_polygons(content) and not is_idd(content)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    return read_with(content, options, format="cityscapes", table=LABELS, not_drawn=NOT_DRAWN)


def read_with(
    content: Content,
    options: ReadOptions,
    *,
    format: str,
    table: Mapping[str, int],
    not_drawn: frozenset[str],
) -> Annotations:
    """A record for each file, with the labels of a table of names and ids."""

    parse = partial(_parse, table=table, not_drawn=not_drawn)
    polygon_files = files(content, "*_polygons.json") or files(content, "*.json")
    pages = [Page(file) for file in polygon_files]
    categories = tuple(table.items())
    return gather(
        content,
        options,
        pages,
        format=format,
        parse=parse,
        categories=categories,
        declares=rows_at("objects"),
    )


def _parse(page: Page, notes: Notes, table: Mapping[str, int], not_drawn: frozenset[str]) -> ImageRecord:
    file = page.decode(_file)
    name = image_name(page.file.name)
    with inside("$.imgHeight"):
        frame = notes.declared_frame(file.imgHeight, file.imgWidth, name=name)

    def make(index: int, row: _Object) -> ReadAnnotation:
        label = painted_as(row.label, table)
        if label not in table and label not in not_drawn:
            _refuse_idd(label, notes)
        if row.deleted:
            return Omitted("withdrawn", "a deleted object")
        if label in not_drawn:
            return Omitted("undrawn", f"'{label}', which is not drawn")
        if len(row.polygon) < 3:
            return Omitted("unsegmented", "fewer than 3 points")
        with inside("$.polygon"):
            key, crowd = index if row.id is None else row.id, is_group(row.label, table)
            return Instance(key, label, (polygon(row.polygon),), crowd=crowd)

    instances = notes.make_instances(file.objects, _Object, "$.objects", make)
    return ImageRecord(PurePosixPath(name).stem, name, frame, instances)


def _refuse_idd(label: str, notes: Notes) -> None:
    """Raise `FormatError` for a label of IDD: a folder's first file need not have shown the format."""
    if label in IDD_ONLY:
        raise FormatError(f"'{label}' is a label of IDD", file=notes.page.file.path, advice="say --from idd")


def painted_as(label: str, table: Mapping[str, int]) -> str:
    """The label that an object is painted as; groups are painted as their members.

    Examples:
        >>> [painted_as(label, LABELS) for label in ("cargroup", "polegroup", "unlabeled", "zebra")]
        ['car', 'polegroup', 'background', 'zebra']
    """
    label = label.removesuffix("group") if is_group(label, table) else label
    return PAINTED_AS.get(label, label)


def is_group(label: str, table: Mapping[str, int]) -> bool:
    """Whether an object is a group: a region of several members that were not drawn separately.

    Examples:
        >>> [is_group(label, LABELS) for label in ("cargroup", "polegroup", "car")]
        [True, False, False]
    """
    return label not in table and label.endswith("group") and label.removesuffix("group") in table


def image_name(name: str) -> str:
    """The name of the image that an annotation file describes.

    Examples:
        >>> image_name("train/bonn/bonn_000000_000001_gtFine_polygons.json")
        'train/bonn/bonn_000000_000001.png'
    """
    path = PurePosixPath(name)
    stem = path.stem.removesuffix("_polygons").removesuffix("_gtFine").removesuffix("_gtCoarse")
    return str(path.with_name(f"{stem}.png"))
