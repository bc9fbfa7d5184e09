"""Label Studio's JSON exports: a list of tasks with the results of their annotations, or JSON-MIN.

Polygons, rectangles and ellipses are in percent of `original_width` and `original_height`;
rectangles are rotated clockwise about their upper left corner, ellipses about their center. Brush
strokes are runs over RGBA pixels, bitmasks are PNGs; the alpha of both is the mask. Source: Label
Studio's documentation, "Units of image annotations"; for brushes, the rle-pack format of thi.ng/umbrella.
"""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import PurePosixPath

from polymask.formats import Annotations, ReadOptions
from polymask.formats.labelstudio import minimal
from polymask.formats.labelstudio.tasks import DRAWN, declared, pages_of, parse
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.texts.grouped import pages_by_key
from polymask.formats.reading.texts.pages import Page, files, listed_pages
from polymask.model import ImageRecord
from polymask.storage.source_files import File

MANY = True

FACTS = Facts(
    title="Label Studio",
    source="Label Studio's documentation, “Units of image annotations”; rle-pack of thi.ng/umbrella",
    files="The `.json` file of the JSON or JSON-MIN export; in a folder, `…-info.json` and `notes.json` "
    "beside it are ignored. Its COCO and YOLO exports are read as [COCO](coco.md) and [YOLO](yolo.md).",
    sniffed="a list of objects with `annotations` (before 1.0 `completions`) and `data`, or one such object; "
    "or a list of objects with `annotation_id` and `annotator`",
    read=(
        (
            "data",
            "the image's name: the last part of the address in `image`, or of the only address if there is "
            "no `image`; for a local file its path; for a picture inside the file (`data:`) the task's id",
        ),
        (
            "annotations[].result[]",
            "polygons, rectangles, ellipses, brushes, bitmasks and closed vectors, labeled by themselves "
            "(`polygonlabels`) or by a `labels` result of the same id",
        ),
        ("original_width, original_height", "the frame; percentages refer to it"),
        ("value.points; x, y, width, height, rotation; radiusX, radiusY", "in percent"),
        ("value.vertices, closed", "in percent; sides with control points are cubic curves"),
        ("value.rle", "a brush: rle-pack over RGBA; the mask is the alpha channel"),
        ("value.imageDataURL", "a bitmask: a PNG as large as the picture; the mask is its alpha channel"),
        ("JSON-MIN: <tag>[]", "the same values, without type and id; annotations of one task are one image"),
        ("item_index, to_name", "if a task has several pages or images: to which of them a result belongs"),
    ),
    ignored="`score`, and everything about the work of annotating (times, people, reviews).",
    rings="A polygon is one ring.",
    order="File order; the annotations of several people are painted one after another.",
    labels="Sorted by name; there are no ids.",
    frame="That of the first result; a task without any needs its picture (`--images`).",
    limits=(
        "A result with several labels is refused. So is a result without a label, unless you pass "
        "`--default-label`.",
        "Each page of a task is an image (`item_index` counts them from 0). If a task has several "
        "images, `to_name` must be the field of `data` that has the image's address.",
        "JSON-MIN does not say to which picture or page a result belongs, so tasks with several are refused. "
        "A single choice or text looks like data there, and is not counted.",
        "Choices, texts, relations, cancelled annotations, `drafts` and `predictions` paint nothing, and are "
        "counted.",
        "Curves are flattened to corners that are at most 1/64 px off.",
        "Keypoints, open or branching vectors, video rectangles and results on a turned picture are not "
        "painted but listed, and the run exits 1.",
    ),
    sample="labelstudio/export.json",
)


def sniff(content: Content) -> bool:
    """Whether the file is a list of tasks, or a JSON-MIN list of annotations."""
    if not content.is_json or content.is_lines:
        return False
    is_task = "data" in content.keys and any(key in content.keys for key in DRAWN)
    if content.is_list:
        return is_task or content.keys >= minimal.KEYS
    return is_task and _are_containers(content)


def _are_containers(content: Content) -> bool:
    """Whether the file's object has its data and its annotations as a task has them."""
    starts = [bytes(content.top[key]).lstrip()[:1] for key in ("data", *DRAWN) if key in content.top]
    return starts[0] == b"{" and set(starts[1:]) == {b"["}


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each task, or for each of its pages and images."""
    exports = [file for file in files(content, "*.json") if not _tells_of_export(file)]
    minimal_files = {file.name for file in exports if Content(file).keys >= minimal.KEYS}
    pages = [page for file in exports for page in _pages(file, is_minimal=file.name in minimal_files)]
    return gather(
        content,
        options,
        pages,
        format="labelstudio",
        parse=partial(_parse, minimal_files=minimal_files),
        declares=lambda page: (minimal.declared if page.file.name in minimal_files else declared)(page),
    )


def _tells_of_export(file: File) -> bool:
    """Whether a file only describes the project, as `…-info.json` beside a stored export does."""
    name = PurePosixPath(file.name).name
    return (name.endswith("-info.json") or name == "notes.json") and not Content(file).is_list


def _pages(file: File, *, is_minimal: bool) -> Iterator[Page]:
    content = Content(file)
    rows = listed_pages(file, content.json) if content.is_list else [Page(file)]
    if is_minimal:
        yield from pages_by_key(file, [(row.where, row.json) for row in rows], minimal.task_of)
    else:
        yield from (page for row in rows for page in pages_of(row))


def _parse(page: Page, notes: Notes, *, minimal_files: Collection[str]) -> ImageRecord:
    return minimal.parse(page, notes) if page.file.name in minimal_files else parse(page, notes)
