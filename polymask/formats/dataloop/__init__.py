"""Dataloop annotation JSON, as `dataset.export` and `download_annotations` (in `json/`) write it.

A file is an item with its `annotations`, or a list of such items. Every ring of a polygon is kept; all
rings are filled even-odd together, so a ring inside the first is a hole and a ring outside is a part.
The platform does not document their meaning; its studio draws holes this way. `segment` and `binary`
annotations are painted; others are no segmentation, and are counted.
Source: Dataloop's documentation, "Image annotation - JSON"; dtlpy for `binary`.
"""

from polymask.formats import Annotations, ReadOptions
from polymask.formats.dataloop.items import parse
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import gather
from polymask.formats.reading.texts.pages import Page, files, listed_pages, rows_at
from polymask.storage.source_files import File

MANY = True

FACTS = Facts(
    title="Dataloop export",
    source="Dataloop's documentation, “Image annotation - JSON”; dtlpy for `binary`",
    files="A `.json` file an item (`json/` of `dataset.download_annotations`), or a list of items "
    "(`dataset.export`); a folder is read with all the `.json` files below it.",
    sniffed="an object with `annotations` and `filename`, `itemId` or `_id`, or a list of such",
    read=(
        ("filename", "the image's name, without the leading `/`; else the JSON file's"),
        (
            "metadata.system.width, height",
            "the frame (`itemMetadata` in some exports); EXIF orientations 5 to 8 "
            "swap them; where missing, that of the picture below `--images`",
        ),
        (
            "metadata.system.mimetype",
            "pictures or videos? If it is missing, the name decides; only pictures are converted",
        ),
        ("annotations[].type", "`segment` and `binary` are painted"),
        ("annotations[].label", "the label"),
        ("annotations[].coordinates", "rings of x, y in pixels; of `binary` a PNG in base64"),
        (
            "annotations[].creator, metadata.system.status",
            "whose it is, and what QA says of it: `--creator`, `--status`; where several people drew an "
            "item (consensus), `--annotator` takes one's",
        ),
        (
            "annotations[].metadata.user.model, metadata.system.model",
            "a model with a name, an id or a confidence: a prediction (`--predictions`, `--min-confidence`)",
        ),
        (
            "annotations[].metadata.user.polymask",
            "a mask of ours: left out where all its polygons are there, painted below the others elsewhere; "
            "one that somebody brushed or relabeled is painted like any other mask, and a note says so",
        ),
    ),
    ignored="Attributes, `objectId`, dates, `parentId`; `frame` and `snapshots_`, unless nothing else "
    "gives the item's type; `automated`, which the SDK sets for whatever a script uploads.",
    rings="Extra rings are filled even-odd with the first: inside it they are holes, beside it parts.",
    order="File order; the platform has no other.",
    labels="Sorted by name: an export has neither ids nor the recipe, so that a dataset read from "
    "`dataloop://…`, which has the recipe's order, numbers them differently; `--labels` makes both the same.",
    frame="As the item says.",
    limits=(
        "Boxes (but with `--boxes`), points, polylines and classes paint nothing, and are counted.",
        "The platform does not document how the angle of a box rotates it: with `--boxes`, rotated boxes are "
        "left alone and listed, and the run exits 1.",
        "Of a mask, pixels with an alpha above 127 count, as in dtlpy.",
        "Predictions are left out and listed, unless --predictions asks for them.",
    ),
    sample="dataloop/json/boat.json",
)


def sniff(content: Content) -> bool:
    """Whether the file is an item with annotations, a list of items, or the studio's bare `annotations`."""
    keys = content.keys
    is_item = bool(keys & {"filename", "itemId", "itemMetadata"}) or keys == {"annotations"}
    return "annotations" in keys and "images" not in keys and is_item


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each item."""
    pages = [page for file in files(content, "*.json") for page in _pages(file)]
    return gather(
        content,
        options,
        pages,
        format="dataloop",
        parse=parse,
        declares=rows_at("annotations"),
        keep_originals=True,
    )


def _pages(file: File) -> list[Page]:
    content = Content(file)
    if not content.is_json or not content.is_list:
        return [Page(file)]
    return listed_pages(file, content.json)
