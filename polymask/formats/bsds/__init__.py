"""Berkeley segmentation data sets: `.seg` files (BSDS300) and `.mat` files (BSDS500).

Segments have no classes: each is labeled, and by default painted, with its number. Segment 0 of `.seg`
files becomes background, value 0. Several people segmented each image: `--annotator` chooses whose
segments are read. Source: the data sets' `seg-format.txt` and their description of `groundTruth`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from polymask.errors import InputError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.bsds import matlab, seg
from polymask.formats.drawing.legend import Codes, frame_of, runs_by_code
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.notes import Notes
from polymask.formats.reading.records import gather
from polymask.formats.reading.refusals import Malformed
from polymask.formats.reading.texts.pages import Page, files
from polymask.ledger import Omitted
from polymask.limits import Limits
from polymask.model import ImageRecord, Instance, Runs

MANY = True
SUFFIX = ".jpg"  # of the data sets' pictures
VARIABLE, FIELD, FOLDER = "groundTruth", "Segmentation", "groundTruth"
OTHER_ANNOTATOR = Omitted("annotator", "drawn by somebody else than --annotator")

FACTS = Facts(
    title="BSDS",
    source="the Berkeley data sets' `seg-format.txt`, and their description of `groundTruth`",
    files="A `.seg` or `.mat` file, or a folder of them (`color/1102/*.seg`, `groundTruth/test/*.mat`).",
    sniffed="`format ascii cr`, or a MATLAB 5 file",
    read=(
        (".seg: image, user", "the image's name, and who drew it"),
        (".seg: width, height", "the frame"),
        (".seg: data", "rows of segment, row, first column, last column (inclusive)"),
        (".mat: groundTruth{n}.Segmentation", "the segment of each pixel, as the n-th person drew it"),
    ),
    ignored="Dates, `gray`, `Boundaries`.",
    rings="None: segments are pixels.",
    order="Segments do not overlap.",
    labels="The numbers of the segments, each painted with its own number; 0 is the background's value.",
    frame="As the file says.",
    limits=(
        "Where several people drew an image, choose with `--annotator`: the user of `.seg` files (1102), "
        "the place in `.mat` files (1, 2 …).",
        "Pixels in no segment or in two, and segments drawn on a turned picture, are refused.",
        "MATLAB 7.3 files (HDF5) are refused: save them with `-v7`.",
    ),
    sample="bsds/1102/boat.seg",
)


def sniff(content: Content) -> bool:
    """Whether the file is a `.seg` file or a MATLAB 5 file."""
    return content.data.startswith((seg.MAGIC, matlab.MAGIC))


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each image, as the chosen person drew it."""
    drawings = [file for file in files(content, "*.*") if _suffix(file.name) in (".seg", ".mat")]
    all_pages = [page for file in drawings for page in _pages(Content(file), options)]
    pages = _checked_pages(all_pages, content, options)
    annotations = gather(content, options, pages, format="bsds", parse=_parse)
    largest = max(map(int, annotations.used), default=0)
    options.limits.check("max_labels", largest, str(content.path), f"{largest} segments")
    return replace(annotations, categories=tuple((str(number), number) for number in range(1, largest + 1)))


def _pages(content: Content, options: ReadOptions) -> Iterator[Page]:
    """A page for each annotator, whose name is the text; one page without text for an unreadable file."""
    file = content.place.file(content.name)
    try:
        people = _people(content.data, options.limits)
    except Malformed:  # reported when the page is parsed
        yield Page(file, "")
        return
    for number, person in enumerate(people, 1):
        where = f"{VARIABLE}{{{number}}}" if content.data.startswith(matlab.MAGIC) else ""
        yield Page(file, where, person.encode())


def _people(data: bytes, limits: Limits) -> list[str]:
    if data.startswith(matlab.MAGIC):
        return [str(number) for number, _ in enumerate(_drawings(data, limits), 1)]
    return [seg.split(data)[0]["user"]]


def _checked_pages(pages: list[Page], content: Content, options: ReadOptions) -> Iterator[Page]:
    """All pages; raises `InputError` where an image has several drawings and no annotator is chosen."""
    names = {bytes(page.text).decode() for page in pages if page.text is not None}
    people = sorted(names, key=lambda name: (len(name), name))
    known_people = ", ".join(people[:20])
    if options.annotator is not None and options.annotator not in people:
        raise InputError(
            f"no annotator '{options.annotator}'", file=content.path, advice=f"there are: {known_people}"
        )
    chosen = [page for page in pages if page.text is not None and not _is_other_annotators(page, options)]
    counts = Counter(map(_name, chosen))
    if doubled := next((name for name, count in counts.items() if count > 1), None):
        raise InputError(
            f"several people drew '{doubled}' ({known_people})",
            file=content.path,
            advice="choose with --annotator NAME",
        )
    yield from pages


def _is_other_annotators(page: Page, options: ReadOptions) -> bool:
    """Whether a page was drawn by another annotator than the chosen one."""
    return options.annotator is not None and page.text not in (None, options.annotator.encode())


def _drawings(data: bytes, limits: Limits) -> list[object]:
    for name, value in matlab.variables(data, limits):
        if name == VARIABLE and isinstance(value, list):
            return value
    raise Malformed("", f"no cell array '{VARIABLE}' in it")


def _name(page: Page) -> str:
    """The image's name: a `.mat` file's path, or a `.seg` file's name without the annotator's folder."""
    path = PurePosixPath(page.file.name)
    if path.suffix.lower() == ".seg":
        return f"{path.stem}{SUFFIX}"
    return str(PurePosixPath(*(part for part in path.parent.parts if part != FOLDER), path.stem + SUFFIX))


def _parse(page: Page, notes: Notes) -> ImageRecord | None:
    data, limits = Content(page.file).data, notes.options.limits
    codes = _matlab(data, page, notes) if data.startswith(matlab.MAGIC) else seg.codes_in(data, notes)
    instances = tuple(
        Instance(code, str(code), Runs(counts, frame_of(codes)))
        for code, counts in runs_by_code(codes)
        if code
    )
    limits.check_frame(str(page.file.path), frame_of(codes))
    name = _name(page)
    if _is_other_annotators(page, notes.options):
        notes.image, notes.no_image = name, True
        notes.leave_out(OTHER_ANNOTATOR, len(instances))
        return None
    notes.declared += len(instances)
    return ImageRecord(PurePosixPath(name).stem, name, frame_of(codes), instances)


def _matlab(data: bytes, page: Page, notes: Notes) -> Codes:
    drawing = _drawings(data, notes.options.limits)[int(page.text or b"1") - 1]
    values = drawing.get(FIELD) if isinstance(drawing, dict) else None
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not values.size:
        raise Malformed("", f"no matrix '{FIELD}' in it")
    segments = values.astype(np.int64) if values.dtype.kind in "iu" else np.rint(values)
    if (segments != values).any() or segments.min() < 0 or segments.max() > 2**31:
        raise Malformed(f".{FIELD}", "segments are whole numbers from 0")
    return segments.astype(np.uint32)
