"""Label Studio's JSON export: a list of tasks with their annotations' results.

Polygons, rectangles and ellipses are in percent of `original_width` and `original_height`;
rectangles turn clockwise about their upper left corner, ellipses about their center. Brush
strokes are runs over RGBA pixels, of which alpha tells the mask. Source: Label Studio's
documentation, "Units of image annotations"; for brushes, the rle-pack format of thi.ng/umbrella.
"""

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pictures import SUFFIXES
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.shapes import Point, crop_runs, ellipse, polygon, rectangle, turned
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import Made, Notes, Page, files, gather, listed_pages, rows_at
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.ledger import Omitted
from polymask.model import Frame, ImageRecord, Instance, Shape

MANY = True
PAINTED = ("polygonlabels", "rectanglelabels", "ellipselabels", "brushlabels")
UNSUPPORTED = ("keypointlabels", "videorectangle", "vectorlabels")

FACTS = Facts(
    title="Label Studio",
    source="Label Studio's documentation, “Units of image annotations”; rle-pack of thi.ng/umbrella",
    files="The `.json` file of the JSON export.",
    sniffed="a list of objects with `annotations` and `data`",
    read=(
        ("data", "the image's name: the last part of the address in `image`, else of the only one"),
        ("annotations[].result[]", "polygonlabels, rectanglelabels, ellipselabels, brushlabels"),
        ("original_width, original_height", "the frame, and what percents are of"),
        ("value.points; x, y, width, height, rotation; radiusX, radiusY", "in percent"),
        ("value.rle", "a brush: rle-pack over RGBA, alpha tells the mask"),
    ),
    ignored="`score`, and all that is about the work and not the picture.",
    rings="A polygon is one ring.",
    order="File order; the annotations of several people are painted one after another.",
    labels="Sorted by name; there are no ids.",
    frame="That of the first result; a task without any needs its picture (`--images`).",
    limits=(
        "A result with several labels, or none, is refused.",
        "Choices, texts, relations, cancelled annotations and `predictions` paint nothing, and are counted.",
        "Keypoints, video rectangles and results on a turned picture are left alone and listed, and the run "
        "exits 1.",
    ),
    sample="labelstudio/export.json",
)


class _Value(msgspec.Struct):
    points: list[Point] = []
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    radiusX: float = 0  # noqa: N815 - the format's own words
    radiusY: float = 0  # noqa: N815
    rotation: float = 0
    rle: list[int] = []
    polygonlabels: list[str] = []
    rectanglelabels: list[str] = []
    ellipselabels: list[str] = []
    brushlabels: list[str] = []


class _Result(msgspec.Struct):
    type: str = ""
    id: str | None = None
    value: msgspec.Raw = msgspec.Raw(b"{}")
    original_width: float | None = None
    original_height: float | None = None
    image_rotation: float = 0


class _Size(msgspec.Struct):
    original_height: float
    original_width: float


class _Annotation(msgspec.Struct):
    result: list[msgspec.Raw]
    was_cancelled: bool | None = False


class _Task(msgspec.Struct):
    annotations: list[_Annotation]
    data: dict[str, Any]
    predictions: list[Any] = []
    id: int | str | None = None


_task = msgspec.json.Decoder(_Task)
_size = msgspec.json.Decoder(_Size)
_value = msgspec.json.Decoder(_Value)


def sniff(content: Content) -> bool:
    """Whether the file is a list of tasks."""
    return content.is_json and content.is_list and {"annotations", "data"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each task."""
    found = files(content, "*.json")
    pages = [page for file in found for page in listed_pages(file, Content(file).json)]
    return gather(content, options, pages, format="labelstudio", parse=_parse, declares=_declared)


def _declared(page: Page) -> int:
    return sum(rows_at(of, "*", "result")(page) for of in ("annotations", "predictions"))


def _parse(page: Page, notes: Notes) -> ImageRecord:
    task = page.decode(_task)
    name = image_name(task.data)
    frame = _frame(task, notes) or notes.frame(name)
    instances: list[Instance] = []
    for number, annotation in enumerate(task.annotations):
        if annotation.was_cancelled:
            notes.leave_out(Omitted("withdrawn", "of a cancelled annotation"), len(annotation.result))
            continue

        def make(index: int, row: _Result, number: int = number) -> Made:
            return _instance(row, row.id or f"{number}.{index}", frame, notes)

        rows = msgspec.Raw(msgspec.json.encode(annotation.result))
        instances += notes.each(rows, _Result, f"$.annotations[{number}].result", make)
    notes.leave_out(Omitted("prediction", "a prediction"), _predicted(task))
    return ImageRecord(name if task.id is None else task.id, name, frame, tuple(instances))


def _predicted(task: _Task) -> int:
    """How many results the predictions of a task have; some exports tell the predictions' ids alone."""
    results = [row.get("result") for row in task.predictions if isinstance(row, dict)]
    return sum(len(result) for result in results if isinstance(result, list))


def image_name(data: dict[str, Any]) -> str:
    """The name of a task's image: the end of its address, or the path after `?d=` of a local file.

    >>> image_name({"image": "/data/local-files/?d=harbor/boat.png"})
    'harbor/boat.png'
    >>> image_name({"image": "s3://bucket/a%20b.png"})
    'a b.png'
    """
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    pictures = [value for value in texts.values() if PurePosixPath(urlsplit(value).path).suffix in SUFFIXES]
    address = texts.get("image") or next(iter([*pictures, *texts.values()]), "")
    parts = urlsplit(address)
    if "d" in (query := parse_qs(parts.query)):
        return query["d"][0].lstrip("/")
    name = PurePosixPath(unquote(parts.path)).name
    if not name:
        raise Malformed("$.data", "no address of an image")
    return name


def _frame(task: _Task, notes: Notes) -> Frame | None:
    for annotation in task.annotations:
        for result in annotation.result:
            if "original_height" in members(result):
                with inside("$.annotations"):
                    size = decode_json(result, _size)
                    return notes.told_frame(size.original_height, size.original_width)
    return None


def _instance(row: _Result, key: str, frame: Frame, notes: Notes) -> Made:
    if row.type in UNSUPPORTED or (row.type in PAINTED and row.image_rotation):
        reason = "a result on a turned picture" if row.image_rotation else f"{row.type} enclose nothing"
        return Omitted("unsupported", reason, f"result {key}")
    if row.type not in PAINTED:
        return Omitted("tag", f"a result of type '{row.type}'")
    with inside("$.value"):
        value = Page(notes.page.file, text=row.value).decode(_value)
    labels = getattr(value, row.type)
    if len(labels) != 1:
        raise Malformed(f"$.value.{row.type}", f"expected one label, got {labels}")
    with inside("$.value"):
        return Instance(key, labels[0], _shape(row.type, value, frame, notes))


def _shape(kind: str, value: _Value, frame: Frame, notes: Notes) -> Shape:
    height, width = frame
    x, y = value.x * width / 100, value.y * height / 100
    match kind:
        case "polygonlabels":
            return (polygon([(x * width / 100, y * height / 100) for x, y in value.points]),)
        case "rectanglelabels":
            far = x + value.width * width / 100, y + value.height * height / 100
            return (turned(rectangle((x, y), far), value.rotation, (x, y)),)
        case "ellipselabels":
            radii = value.radiusX * width / 100, value.radiusY * height / 100
            return ellipse((x, y), radii, frame, degrees=value.rotation)
    if notes.unseen:
        return ()
    notes.options.limits.check("max_pixels", height * width * 4, str(notes.page.file.path), "a brush's bytes")
    with inside("$.rle"):
        alpha = unpacked(value.rle, height * width * 4).reshape(height, width, 4)[..., 3]
    return crop_runs(alpha > 0, (0, 0), frame)


def unpacked(packed: list[int], size: int) -> NDArray[np.uint8]:
    """The bytes in an rle-pack: uint8, `size` of them.

    A head tells the number of values (32 bits), their width less 1 (5) and four widths of
    lengths less 1 (4 each); then come runs: a bit that tells whether one value repeats, 2 bits
    that choose the width of the length, the length less 1, the value or values.
    Raises `Malformed` where it holds another number of bytes, or is cut off.

    >>> unpacked([0, 0, 0, 4, 57, 27, 252, 127, 224], 4).tolist()
    [255, 255, 255, 255]
    """
    try:
        bits = _Bits(bytes(packed))
    except ValueError:
        raise Malformed("$", "expected bytes, 0 to 255") from None
    count, width = bits.take(32), bits.take(5) + 1
    widths = [bits.take(4) + 1 for _ in range(4)]
    if count != size or width != 8:
        raise Malformed("$", f"holds {count} values of {width} bits, not {size} of 8: height × width × 4")
    values, filled = np.empty(size, np.uint8), 0
    while filled < count:
        repeats = bits.take(1)
        length = bits.take(widths[bits.take(2)]) + 1
        if filled + length > count:
            raise Malformed("$", "a run goes beyond the end")
        run = bits.take(8) if repeats else np.frombuffer(bits.bytes(length), np.uint8)
        values[filled : filled + length] = run
        filled += length
    return values


class _Bits:
    """Bits of bytes, the highest first; raises `Malformed` at their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        """The next bits as a number."""
        start, stop = self.at, self.at + count
        if stop > len(self.data) * 8:
            raise Malformed("$", "runs that are cut off")
        self.at = stop
        number = int.from_bytes(self.data[start // 8 : -(-stop // 8)], "big")
        return (number >> (-stop % 8)) & ((1 << count) - 1)

    def bytes(self, count: int) -> bytes:
        """The next bytes."""
        return self.take(count * 8).to_bytes(count, "big")
