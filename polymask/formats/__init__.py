"""Annotation files → image records: one file a format, one row in the table.

A format is a module with two functions: `sniff(content)`, whether a file's content is
of this format, and `read(content, options)`, which gives an `Annotations`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

from polymask.codecs.picture_files import NamedPictures
from polymask.errors import FormatError, InputError, NotFound, unknown
from polymask.formats.reading.choice import Choice, different
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.images.renamed import renamed
from polymask.formats.reading.images.subsets import joined, subsets_of_files
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.labels.mask_table import MaskTable
from polymask.ledger import Ledger
from polymask.limits import Limits
from polymask.model import Finding, ImageRecord, Skipped
from polymask.storage.disk import disk_error
from polymask.storage.image_names import without_secrets
from polymask.storage.remote.urls import Location, located
from polymask.storage.source_files import File, Place, Tree

FORMATS = {
    "coco": "COCO instances, stuff and results lists: polygons, compressed and uncompressed RLE",
    "coco-panoptic": "COCO panoptic: segments in JSON, their pixels in PNGs",
    "labelme": "labelme JSON: every shape type, groups, masks; a file an image",
    "cityscapes": "Cityscapes gtFine polygon JSON; a file an image",
    "idd": "IDD polygon JSON: as Cityscapes, with its own label table",
    "dataloop": "Dataloop export: an item a file or a list of items; every ring kept",
    "cvat": "CVAT for images 1.1 (XML): polygons, boxes, ellipses, masks; z order",
    "yolo": "YOLO segmentation: label files with data.yaml or classes.txt; needs the pictures",
    "supervisely": "Supervisely project: polygons with interiors, bitmaps",
    "labelstudio": "Label Studio JSON: polygons, rectangles, ellipses, brushes",
    "datumaro": "Datumaro JSON: polygons, masks, ellipses; z order",
    "labelbox": "Labelbox exports (NDJSON and older JSON) and imports: polygons, downloaded masks",
    "sa1b": "SA-1B (Segment Anything) JSON: runs without labels; a file an image",
    "voc": "PASCAL VOC masks: SegmentationClass, objects of SegmentationObject, labelmap.txt",
    "camvid": "CamVid masks: in the colors of label_colors.txt or class_dict.csv, or SegNet's values",
    "masks": "existing masks with a table of values or colors: palette, gray, RGB, Roboflow, Cityscapes, IDD",
    "scale": "Scale: polygon tasks, segmentation tasks (PNG and legend), Nucleus lines",
    "playment": "Playment: polygons as shares of the picture, raster masks with a legend",
    "segmentsai": "Segments.ai releases: bitmaps of object ids, polygons",
    "rectlabel": "RectLabel XML: polygons, cubic Bézier outlines, pixels; a file an image",
    "bsds": "Berkeley segmentation data: .seg and .mat; each segment its number",
    "waymo": "Waymo Open Dataset v2: camera segmentation in Parquet; needs the extra `waymo`",
    "geojson": "GeoJSON in pixels (QuPath); maps (shapefile, GeoPackage; extra `gis`); needs the pictures",
    "mapillary": "Mapillary Vistas 2.0 polygon JSON; a file an image",
    "bdd100k": "BDD100K and Scalabel: poly2d outlines with Bézier sides, runs",
    "darwin": "V7 Darwin JSON 2.0 and 1.0: polygons, ellipses, raster layers; a file an image",
    "encord": "Encord label rows: polygons as shares of the picture, bitmasks",
    "isat": "ISAT JSON: polygons by layer; a file an image",
    "imagej": "ImageJ ROIs: .roi files and zips; needs the pictures and the extra `imagej`",
    "dicom": "DICOM RTSTRUCT: contours on the slices of a series; needs the extra `dicom`",
    "labelme-xml": "LabelMe XML (MIT's, CVAT's): polygons, masks; a file an image",
    "via-csv": "VIA CSV: as VIA, a row a region; needs the pictures",
    "via": "VIA 1.x and 2.x: polygons, rectangles, circles, ellipses; needs the pictures",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a reader may be asked: limits, and whether malformed records are left out and reported.

    `images` is where the pictures are, for formats that do not tell their size; the label is
    that of `label_attribute`, and `default_label` where there is none, for formats that have
    no field for it; `annotator` is whose drawing is read, where several people drew one image. With
    `boxes`, boxes that have no segmentation are painted as rectangles. `choice` is which of a
    dataset's annotations are taken. `labels` says what the pixels of masks mean that have no table;
    `label_names` are the labels in the order of their file, for formats that number classes and may not
    name them; `masks` is where mask pictures are that annotations only name by an address.
    """

    limits: Limits = field(default_factory=Limits)
    skip_invalid: bool = False
    images: Location | None = None
    label_attribute: str | None = None
    default_label: str | None = None
    boxes: bool = False
    choice: Choice = field(default_factory=Choice)
    annotator: str | None = None
    labels: MaskTable | None = None
    label_names: tuple[str, ...] = ()
    masks: LinkedFiles | None = None

    @classmethod
    def of(cls, *, images: str | Location | None, limits: Limits | None) -> "ReadOptions":
        """The options of a command that only looks: where the pictures are, and the limits."""
        return cls(limits=limits or Limits(), images=located(images) if images is not None else None)


def no_picture_file(index: int) -> None:
    """No picture is found: what stands where nobody looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What a format found in a file: the images it declares, each decoded when asked for.

    `categories` are the (name, category id or None) pairs in the source's own order;
    `decode(i)` gives the record of the image `names[i]`; `used` counts the instances by
    label. `ledger` tells what becomes of every annotation that is declared; None where nobody
    counted. `skipped` are the malformed records that were left out,
    `unsupported` are instances that polymask cannot paint and leaves alone, `unchosen` those
    that were not chosen, `images_left_out` whole images, and
    `findings` are oddities that do no harm, `notes` what else a report tells of the source.
    `picture(i)`, where the source has them itself, gives a picture's own bytes, `original(i)` its
    record as the source wrote it. `picture_file(i)` is where the picture lies, None where it is not
    found; `sized_by_pictures` are the images whose size only their picture tells.
    `subsets` are the splits that images are of, where the source tells: train, val, test or nothing.
    `source_names` are what the source calls the images, where their names were made of that, and
    `groups` the subset and the task of each, where it tells them.
    `without(data, gone)`, where polygons can be taken out, gives the file's bytes, which are `data`,
    without those of `gone`: for an image's place in `names`, positions among its record's instances.
    """

    path: Location
    format: str
    categories: tuple[tuple[str, int | None], ...]
    names: Sequence[str]
    decode: Callable[[int], ImageRecord]
    used: Mapping[str, int]
    ledger: Ledger | None = None
    skipped: tuple[Skipped, ...] = ()
    unsupported: tuple[Skipped, ...] = ()
    unchosen: tuple[Skipped, ...] = ()
    images_left_out: tuple[Skipped, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    picture: Callable[[int], bytes] | None = None
    original: Callable[[int], bytes] | None = None
    picture_file: Callable[[int], File | None] = no_picture_file
    sized_by_pictures: Sequence[int] = ()
    subsets: Sequence[str] = ()
    source_names: Sequence[str] = ()
    groups: Sequence[tuple[str, ...]] = ()
    without: Callable[[bytes, Mapping[int, Collection[int]]], bytes] | None = None

    @property
    def unsegmented(self) -> int:
        """How many annotations have no segmentation, and paint nothing."""
        return self.ledger.count("box", "unsegmented", "tag") if self.ledger else 0

    def source_name(self, index: int) -> str:
        """What the source calls the i-th image, without what may be secret in an address."""
        return without_secrets(self.source_names[index]) if self.source_names else self.names[index]

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.decode, range(len(self.names)))


class Format(Protocol):
    """What a format module offers; `MANY` where its annotations are spread over several files."""

    MANY: bool
    FACTS: Facts

    def sniff(self, content: Content) -> bool: ...  # noqa: D102
    def read(self, content: Content, options: ReadOptions) -> Annotations: ...  # noqa: D102


def module_named(name: str) -> Format:
    """The module of a format; raises `InputError` for a name that is not in the table."""
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    return cast("Format", import_module(f"polymask.formats.{name.replace('-', '_')}"))


def open_annotations(
    path: str | Location,
    *,
    format: str | None = None,
    options: ReadOptions | None = None,
) -> Annotations:
    """The annotations in a file, folder, glob or archive, of the named format or of the one it shows.

    Raises `NotFound` for no file, `InputError` for an unknown format, `FormatError`
    for content that is not what the format says.
    """
    return annotations_at(located(path), format=format, options=options)


def annotations_at(
    path: Location,
    *,
    format: str | None = None,
    options: ReadOptions | None = None,
    tree: Tree | None = None,
) -> Annotations:
    """As `open_annotations`, at a place that has been resolved, and whose `tree` may have been looked at."""
    module = module_named(format) if format else None
    try:
        options = options or ReadOptions()
        if options.masks:
            _ = options.masks.place  # which has to be there
        annotations = _read(Content(Place(path, options.limits, tree=tree)), module, options, named=format)
    except OSError as error:
        failure = disk_error(error, path)
        if isinstance(failure, NotFound):  # what is to be read is the caller's to name
            failure.exit_code = InputError.exit_code
        raise failure from None
    if annotations.format != "dataloop" and (flags := different(options.choice)):
        raise InputError(
            f"{' and '.join(flags)} choose among Dataloop's annotations",
            file=annotations.path,
            advice="leave them out",
        )
    labels = len({*annotations.used, *(name for name, _ in annotations.categories)})
    options.limits.check("max_labels", labels, str(annotations.path), f"{labels} labels")
    return annotations


def _named(annotations: Annotations, path: Location, options: ReadOptions) -> Annotations:
    """The annotations of images named below DEST, whose pictures are looked for at a path.

    Not so where their format knows where pictures are.
    """
    pictures = NamedPictures(path, annotations.names, images=options.images, limits=options.limits)
    if annotations.picture_file is no_picture_file:
        annotations = replace(annotations, picture_file=pictures.file)
    return renamed(annotations, picture_in_folders=pictures.file_in_folders)


def _read(content: Content, module: Format | None, options: ReadOptions, *, named: str | None) -> Annotations:
    try:
        if module is None and (archive := _only_archive(content)):
            return _read(archive, module, options, named=named)
        module = module or _sniffed(content)
        annotations = _of_files(content, _files(content, module), module, options)
        return _named(annotations, content.path, options)
    except FormatError as error:
        error.message += _looks_like(content, named)
        raise error from None


def _only_archive(content: Content) -> Content | None:
    """The one archive in a folder that holds no annotations besides: what a tool gave, as it was given."""
    if content.place.is_file or content.place.zip:
        return None
    archives = [name for name in content.place.names if name.lower().endswith(_ARCHIVES)]
    if len(archives) != 1 or _shows_format(content):
        return None
    archive = Content(Place(content.path / archives[0], content.place.limits))
    return archive if archive.place.zip and _shows_format(archive) else None


def _shows_format(content: Content) -> bool:
    return any(map(sniffed, islice(_candidates(content), _MOST_LOOKED_AT)))


def _looks_like(content: Content, format: str | None) -> str:
    """A hint, where a file was named to be of one format and shows another."""
    shown = None
    if format and content.place.is_file:
        with suppress(FormatError):
            shown = sniffed(content)
    return f" (it looks like {shown})" if shown not in (None, format) else ""


# a folder holds pictures and other things too: annotations are looked for in this order
_SUFFIXES = (
    ".json", ".ndjson", ".jsonl", ".geojson", ".xml", ".yaml", ".yml", ".txt", ".csv", ".seg", ".mat",
    ".parquet", ".roi", ".zip", ".dcm", ".shp", ".gpkg",
    ".png",
)  # fmt: skip
_ARCHIVES = (".zip", ".tar")
_TEXT = _SUFFIXES[: _SUFFIXES.index(".seg")]
_MOST_LOOKED_AT = 64


def _candidates(content: Content) -> Iterator[Content]:
    """The files that may tell the format, most telling first."""
    if content.place.is_file:
        yield content
        return
    place = content.place
    ranked = [
        (_SUFFIXES.index(suffix), name)
        for name in place.names
        if (suffix := Path(name).suffix.lower()) in _SUFFIXES
    ]
    for _, name in sorted(ranked):
        yield Content(place.file(name))


def sniffed(content: Content) -> str | None:
    """The format that a file's content shows, or None."""
    return next((name for name in FORMATS if module_named(name).sniff(content)), None)


_OF_MASKS = "; --from masks, if its PNGs are masks"


def _only_pngs(content: Content) -> bool:
    """Whether nothing but PNGs might be annotations: photos, or masks that nothing tells from photos."""
    candidates = {PurePosixPath(file.name).suffix.lower() for file in _candidates(content)}
    return candidates == {".png"}


def _is_text(content: Content) -> bool:
    """Whether a file in a folder ought to be text, and is not empty."""
    return Path(content.name).suffix.lower() in _TEXT and bool(content.data.strip())


def _sniffed(content: Content) -> Format:
    candidates = list(islice(_candidates(content), _MOST_LOOKED_AT))
    for candidate in candidates:
        if name := sniffed(candidate):
            return module_named(name)
    known = ", ".join(FORMATS)
    for candidate in candidates:
        if (content.place.is_file or _is_text(candidate)) and candidate.problem:
            raise candidate.problem
    if content.place.is_file and content.data.split() in ([b"[]"], [b"[", b"]"]):
        raise FormatError(
            "an empty list, so the file has no images",
            file=content.path,
            advice="export it again, or leave it out",
        )
    if content.path.is_dir():
        archives = [name for name in content.place.names if name.lower().endswith(_ARCHIVES)]
        raise FormatError(
            f"{content.path} is a folder, and no file in it shows a format that polymask reads ({known})",
            advice=f"name one of the archives in it, {archives[0]}"
            if archives
            else f"name one with --from{_OF_MASKS if _only_pngs(content) else ''}",
        )
    raise FormatError(
        f"none of the formats polymask reads ({known})", file=content.path, advice="name one with --from"
    )


def _files(content: Content, module: Format) -> Sequence[Content]:
    """The file to read, or several, where a format is told a folder but keeps all in one file."""
    if content.place.is_file or module.MANY:
        return [content]
    files = [file for file in _candidates(content) if module.sniff(file)]
    if not files:
        raise FormatError("no file of this format in it", file=content.path)
    return files


def _of_files(
    content: Content, files: Sequence[Content], module: Format, options: ReadOptions
) -> Annotations:
    """The annotations of a file, or of several that are subsets of one dataset."""
    if len(files) == 1:
        return module.read(files[0], options)
    if subsets := subsets_of_files([file.name for file in files]):
        return joined(content, files, subsets, lambda file: module.read(file, options), options)
    names = ", ".join(file.name for file in files[:5])
    raise FormatError(
        f"{len(files)} files of this format in it ({names}), and their names do not tell subsets apart",
        file=content.path,
        advice="name one of them as SOURCE",
    )
