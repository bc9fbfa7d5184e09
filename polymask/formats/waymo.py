"""Waymo Open Dataset v2: the camera segmentation component, a Parquet file per segment.

Each row is one camera's picture; its panoptic PNG holds type · divisor + instance. pyarrow, of the extra
`waymo`, reads the files. Source: Waymo Open Dataset, `camera_segmentation.proto` and the description of
the v2 format.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import msgspec

from polymask.errors import LimitError
from polymask.extras import library
from polymask.formats import Annotations, ReadOptions
from polymask.formats.drawing.legend import codes_of, frame_of, runs_by_code
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, Refusals, inside
from polymask.formats.reading.texts.pages import Page, files
from polymask.ledger import Omitted
from polymask.limits import Limits
from polymask.model import ImageRecord, Instance, Runs

MANY = True
MAGIC = b"PAR1"
COMPONENT = "[CameraSegmentationLabelComponent]."
COLUMNS = {
    "segment": "key.segment_context_name",
    "time": "key.frame_timestamp_micros",
    "camera": "key.camera_name",
    "divisor": f"{COMPONENT}panoptic_label_divisor",
    "png": f"{COMPONENT}panoptic_label",
}
CAMERAS = {1: "FRONT", 2: "FRONT_LEFT", 3: "FRONT_RIGHT", 4: "SIDE_LEFT", 5: "SIDE_RIGHT"}
TYPES = (
    "undefined", "ego_vehicle", "car", "truck", "bus", "other_large_vehicle", "bicycle", "motorcycle",
    "trailer", "pedestrian", "cyclist", "motorcyclist", "bird", "ground_animal", "construction_cone_pole",
    "pole", "pedestrian_object", "sign", "traffic_light", "building", "road", "lane_marker",
    "road_marker", "sidewalk", "vegetation", "sky", "ground", "dynamic", "static",
)  # fmt: skip

UNDEFINED = Omitted("undrawn", f"an instance of the type '{TYPES[0]}'")

FACTS = Facts(
    title="Waymo camera segmentation",
    source="Waymo Open Dataset, `camera_segmentation.proto`, and the description of its v2 format",
    files="A `.parquet` file of the component `camera_segmentation`, or a folder of them. "
    "Needs `pip install 'polymask[waymo]'`.",
    sniffed="a Parquet file",
    read=(
        (
            "key.segment_context_name, frame_timestamp_micros, camera_name",
            "the image's name: `<segment>/<time>_<camera>.jpg`, cameras as FRONT, FRONT_LEFT …",
        ),
        ("panoptic_label", "a PNG of 16 bit: type · divisor + instance"),
        ("panoptic_label_divisor", "the divisor"),
    ),
    ignored="Instances across cameras and times, how many cameras see a pixel.",
    rings="None: segments are pixels.",
    order="Segments do not overlap.",
    labels="The 28 types of the data set, with their numbers as ids; type 0 (undefined) is background; "
    "its instances are counted.",
    frame="That of the PNG.",
    limits=("A type above 28 is refused.", "Other components (boxes, lidar) are refused."),
    sample="waymo/camera_segmentation/harbor.parquet",
)


class _Row(msgspec.Struct):
    segment: str
    time: int
    camera: int
    divisor: int
    png: bytes


_row = msgspec.json.Decoder(_Row)


def sniff(content: Content) -> bool:
    """Whether the file is a Parquet file."""
    return content.data[:4] == MAGIC


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each row."""
    pages = [page for file in files(content, "*.parquet") for page in _pages(Content(file), options)]
    categories = [(name, number) for number, name in enumerate(TYPES) if number]
    return gather(content, options, pages, format="waymo", parse=_parse, categories=categories)


def _pages(content: Content, options: ReadOptions) -> Iterator[Page]:
    """A page for each row; its text is a copy of the row, as Parquet's columns are not read by rows."""
    file = content.place.file(content.name)
    refusals = Refusals(content.path, skip=False)
    rows = refusals.catch("", lambda: list(_rows(content.data, str(content.path), options.limits))) or ()
    for number, row in enumerate(rows):
        yield Page(file, f"row {number}", msgspec.json.encode(row))


def _rows(data: bytes, where: str, limits: Limits) -> Iterator[Mapping[str, Any]]:
    arrow, parquet = (
        library(name, extra="waymo", reader="Waymo's Parquet") for name in ("pyarrow", "pyarrow.parquet")
    )
    try:
        table = parquet.ParquetFile(BytesIO(data))
        parts = [table.metadata.row_group(index) for index in range(table.num_row_groups)]
        limits.check_bytes(where, sum(part.total_byte_size for part in parts))
        if missing := [column for column in COLUMNS.values() if column not in table.schema_arrow.names]:
            raise Malformed("", f"no column '{missing[0]}'; the component camera_segmentation is read")
        for batch in table.iter_batches(columns=list(COLUMNS.values())):
            for row in batch.to_pylist():
                yield {key: row[column] for key, column in COLUMNS.items()}
    except LimitError:
        raise
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Malformed("", f"no Parquet that can be read: {str(error).splitlines()[0]}") from None


def _parse(page: Page, notes: Notes) -> ImageRecord:
    row = page.decode(_row)
    camera = CAMERAS.get(row.camera, str(row.camera))
    if row.divisor < 1:
        raise Malformed(".panoptic_label_divisor", f"{row.divisor} is no divisor")
    with inside(".panoptic_label"):
        codes = codes_of(row.png, notes.options.limits)
        instances = []
        for code, counts in runs_by_code(codes):
            kind = code // row.divisor
            if kind >= len(TYPES):
                raise Malformed("$", f"the value {code} has no type: {kind} is above {len(TYPES) - 1}")
            if kind:
                instances.append(Instance(code, TYPES[kind], Runs(counts, frame_of(codes))))
            elif code:
                notes.leave_out(UNDEFINED)
        notes.declared += len(instances)
    name = f"{row.segment}/{row.time}_{camera}.jpg"
    return ImageRecord(f"{row.segment};{row.time};{row.camera}", name, frame_of(codes), tuple(instances))
