"""SA-1B (Segment Anything) JSON: a file per image, masks as compressed runs, no labels.

Every mask gets the label `object`, or that of `--default-label`. Source: the dataset's
README and Kirillov et al., "Segment Anything", 2023.
"""

import msgspec

from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco.rows import UNSIZED
from polymask.formats.coco.segmentations import box_ring, check_segmentation, has_box, shapes_of
from polymask.formats.reading.content import Content, members
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes, ReadAnnotation, Side
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed, inside
from polymask.formats.reading.texts.pages import Page, json_pages, rows_at
from polymask.ledger import BOX, EMPTY
from polymask.model import ImageRecord, Instance

MANY = True
LABEL = "object"

FACTS = Facts(
    title="SA-1B",
    source="the dataset's README; Kirillov et al., “Segment Anything”, 2023",
    files="A `.json` file per image; a folder is read with all `.json` files below it.",
    sniffed="an object with `image`, which has an `image_id`, and `annotations`",
    read=(
        ("image.file_name, height, width", "the image and its frame"),
        ("image.image_id", "the record's id"),
        ("annotations[].id, segmentation", "runs, compressed or not; rings are read too"),
        ("annotations[].bbox", "painted with `--boxes`, where there is no segmentation"),
    ),
    ignored="`area`, `predicted_iou`, `stability_score`, `crop_box`, `point_coords`.",
    rings="Masks are runs.",
    order="File order. Masks lie in one another: `--overlap smallest` shows the parts with `--instances`.",
    labels="There are none: every mask is an `object`, or what `--default-label` says.",
    frame="As the file says; where it says none or 0, that of the picture, in the same folder or below "
    "`--images`.",
    sample="sa1b/boat.json",
)


class _Image(msgspec.Struct):
    image_id: int | str
    file_name: str
    height: Side = None
    width: Side = None


class _File(msgspec.Struct):
    image: _Image
    annotations: msgspec.Raw


class _Annotation(msgspec.Struct):
    segmentation: msgspec.Raw
    bbox: msgspec.Raw = msgspec.Raw(b"null")
    id: int | str | None = None


_file = msgspec.json.Decoder(_File)


def sniff(content: Content) -> bool:
    """Whether the file holds one image and its annotations."""
    return {"image", "annotations"} <= content.keys and "image_id" in members(content.top["image"])


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    label = options.default_label or LABEL
    return gather(
        content,
        options,
        json_pages(content),
        format="sa1b",
        parse=_parse,
        categories=[(label, None)],
        declares=rows_at("annotations"),
    )


def _parse(page: Page, notes: Notes) -> ImageRecord:
    file = page.decode(_file)
    if not file.image.file_name:
        raise Malformed("$.image.file_name", "the name is empty")
    with inside("$.image.file_name"):
        name = notes.image_name(file.image.file_name)
    with inside("$.image"):
        frame = notes.declared_frame(file.image.height, file.image.width, name=name)
    compared = UNSIZED if notes.frame_unknown else frame  # runs are compared once the picture is open
    label = notes.options.default_label or LABEL

    def make(index: int, row: _Annotation) -> ReadAnnotation:
        if not check_segmentation(row.segmentation, compared, notes.remarks):
            if not has_box(row.bbox):
                return EMPTY
            if not notes.options.boxes:
                return BOX
            row.segmentation = box_ring(row.bbox)
        (shape,) = shapes_of([row.segmentation], compared)
        return Instance(index if row.id is None else row.id, label, shape)

    instances = notes.make_instances(file.annotations, _Annotation, "$.annotations", make)
    return ImageRecord(file.image.image_id, name, frame, instances)
