"""Scale: tasks with polygons, segmentation tasks with a PNG and its legend, and Nucleus lines.

A segmentation task names its masks by an address, which polymask never opens: it searches the file
beside the export by the address's last parts. Of Scale's two masks, the indexed one is read if every
index fits 8 bits, else the extended one, whose index is red + 256 · green + 65536 · blue. Source:
Scale's documentation, "Image annotation", "Semantic segmentation" and "Nucleus: annotations".
"""

from functools import partial

from polymask.codecs.picture_files import PictureFinder
from polymask.formats import Annotations, ReadOptions
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.texts.pages import Page, files
from polymask.formats.scale import nucleus, tasks
from polymask.model import ImageRecord, Skipped

MANY = True

FACTS = Facts(
    title="Scale",
    source="Scale's documentation, “Image annotation”, “Semantic segmentation”, “Nucleus: annotations”",
    files="A task (JSON), a list of tasks, the answer of the tasks' list (`docs`), or Nucleus lines; those "
    "of an item may lie in several files of a folder (`annotations.jsonl`, `masks.jsonl`).",
    sniffed="objects with `task_id`, or rows with `reference_id` and `type`",
    read=(
        ("params.attachment", "the image's name: the path of the address"),
        ("response.annotations[].label, vertices", "the label, and one ring of x, y in pixels"),
        ("response.labelMapping", "the legend of a segmentation task: labels, and an index each or several"),
        (
            "response.annotations.combined.indexedImage, extendedIndexedImage",
            "the mask: its value is the index; looked for by the address's last parts",
        ),
        (
            "reference_id, label, geometry",
            "Nucleus: the picture's name, less its suffix; a polygon",
        ),
        ("mask_url, annotations[].label, index", "Nucleus: a mask, looked for as above, and its legend"),
    ),
    ignored="Attributes, metadata, colors, single masks of a label.",
    rings="A polygon is one ring.",
    order="File order, of the files of a folder by their names; the segments of an item's masks do not "
    "overlap, and lie below its polygons.",
    labels="Sorted by name; there are no numeric ids.",
    frame="That of the mask; else that of the picture, in the same folder or below `--images`.",
    limits=(
        "Lines, points and ellipses are not painted but listed, and the run exits 1.",
        "Boxes and cuboids are no segmentation: they paint nothing, and are counted; `--boxes` paints boxes. "
        "So are categories, and segments without pixels.",
        "A task without a response is listed, and the run exits 1.",
        "An index that the legend does not name is refused, with its first pixel; 0 is background.",
    ),
    sample="scale/tasks.json",
)


def sniff(content: Content) -> bool:
    """Whether the file holds tasks or Nucleus lines."""
    if tasks.DOCS in content.keys:
        return b'"task_id"' in bytes(content.top[tasks.DOCS])
    return {"task_id", "params"} <= content.keys or {"reference_id", "type"} <= content.keys


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each task, or for each item of Nucleus lines."""
    skipped: list[Skipped] = []
    contents = [Content(file) for file in files(content, "*.*json*")]
    lines = [part for part in contents if "reference_id" in part.keys]
    pages = [page for part in contents if part not in lines for page in tasks.pages(part)]
    pages += nucleus.pages(lines, options, skipped)
    parse = partial(_parse, pictures=PictureFinder(content.place, options.images))
    annotations = gather(
        content, options, pages, format="scale", parse=parse, declares=_declared, skipped=skipped
    )
    assert annotations.ledger
    annotations.ledger.add_invalid(len(skipped))  # each line of Nucleus is an annotation
    return annotations


def _declared(page: Page) -> int:
    return nucleus.declared(page) if nucleus.is_item(page) else tasks.declared(page)


def _parse(page: Page, notes: Notes, pictures: PictureFinder) -> ImageRecord | None:
    return nucleus.parse(page, notes, pictures) if nucleus.is_item(page) else tasks.parse(page, notes)
