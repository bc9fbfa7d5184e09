"""Label Studio's JSON export: a list of tasks with their annotations' results.

Polygons, rectangles and ellipses are in percent of `original_width` and `original_height`;
rectangles turn clockwise about their upper left corner, ellipses about their center. Brush
strokes are runs over RGBA pixels, bitmasks are PNGs; of both alpha tells the mask. Source: Label
Studio's documentation, "Units of image annotations"; for brushes, the rle-pack format of thi.ng/umbrella.
"""

from polymask.formats import Annotations, ReadOptions
from polymask.formats.labelstudio.tasks import declared, pages_of, parse
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.records import gather
from polymask.formats.reading.texts.pages import files, listed_pages

MANY = True

FACTS = Facts(
    title="Label Studio",
    source="Label Studio's documentation, “Units of image annotations”; rle-pack of thi.ng/umbrella",
    files="The `.json` file of the JSON export.",
    sniffed="a list of objects with `annotations` and `data`",
    read=(
        (
            "data",
            "the image's name: the last part of the address in `image`, else of the only one; of a local "
            "file its path; of a picture that is in the file itself (`data:`) the task's id",
        ),
        (
            "annotations[].result[]",
            "polygons, rectangles, ellipses, brushes and bitmasks, labeled by themselves (`polygonlabels`) "
            "or by a `labels` result of the same id",
        ),
        ("original_width, original_height", "the frame, and what percents are of"),
        ("value.points; x, y, width, height, rotation; radiusX, radiusY", "in percent"),
        ("value.rle", "a brush: rle-pack over RGBA, alpha tells the mask"),
        ("value.imageDataURL", "a bitmask: a PNG as large as the picture, alpha tells the mask"),
        ("item_index, to_name", "of several pages or images in a task, the one a result is of"),
    ),
    ignored="`score`, and all that is about the work and not the picture.",
    rings="A polygon is one ring.",
    order="File order; the annotations of several people are painted one after another.",
    labels="Sorted by name; there are no ids.",
    frame="That of the first result; a task without any needs its picture (`--images`).",
    limits=(
        "A result with several labels is refused; so is one without, unless `--default-label` names it.",
        "Each page of a task is an image (`item_index` counts them from 0). Of several images, `to_name` has "
        "to be the field of `data` with its address.",
        "Choices, texts, relations, cancelled annotations, `drafts` and `predictions` paint nothing, and are "
        "counted.",
        "Keypoints, video rectangles and results on a turned picture are left alone and listed, and the run "
        "exits 1.",
    ),
    sample="labelstudio/export.json",
)


def sniff(content: Content) -> bool:
    """Whether the file is a list of tasks."""
    return content.is_json and content.is_list and {"annotations", "data"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each task, or for each of its pages and images."""
    tasks = [task for file in files(content, "*.json") for task in listed_pages(file, Content(file).json)]
    pages = [page for task in tasks for page in pages_of(task)]
    return gather(content, options, pages, format="labelstudio", parse=parse, declares=declared)
