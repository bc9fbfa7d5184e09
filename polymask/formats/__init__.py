"""Annotation files → image records: one file a format, one row in the table.

A format is a module with two functions: `sniff(content)`, whether a file's content is
of this format, and `read(content, options)`, which gives an `Annotations`.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import cast

from polymask.codecs.picture_files import NamedPictures
from polymask.errors import FormatError, InputError, NotFound, unknown
from polymask.formats.reading.annotation_choice import changed_flags
from polymask.formats.reading.content import Content
from polymask.formats.reading.contract import Annotations, Format, ReadOptions, no_picture_file
from polymask.formats.reading.images.renamed import renamed
from polymask.formats.reading.images.subsets import archive_subsets, joined, subsets_of_files
from polymask.formats.reading.texts.appearance import ARCHIVES, no_format
from polymask.storage.disk import disk_error
from polymask.storage.remote.urls import Location, located
from polymask.storage.source_files import Place, Tree

__all__ = [
    "FORMATS",
    "Annotations",
    "Format",
    "ReadOptions",
    "annotations_at",
    "module_named",
    "open_annotations",
    "sniffed",
]

FORMATS = {
    "coco": "COCO instances, stuff and results lists: polygons, compressed and uncompressed RLE",
    "coco-panoptic": "COCO panoptic: segments in JSON, their pixels in PNGs",
    "labelme": "labelme JSON: every shape type, groups, masks; a file per image",
    "cityscapes": "Cityscapes gtFine polygon JSON; a file per image",
    "idd": "IDD polygon JSON: as Cityscapes, with its own label table",
    "dataloop": "Dataloop export: an item a file or a list of items; every ring kept",
    "cvat": "CVAT for images 1.1 (XML): polygons, boxes, ellipses, masks; z order",
    "yolo": "YOLO segmentation: label files with data.yaml or classes.txt; needs the pictures",
    "supervisely": "Supervisely project: polygons with interiors, bitmaps",
    "labelstudio": "Label Studio JSON: polygons, rectangles, ellipses, brushes",
    "datumaro": "Datumaro JSON: polygons, masks, ellipses; z order",
    "labelbox": "Labelbox exports (NDJSON and older JSON) and imports: polygons, downloaded masks",
    "sa1b": "SA-1B (Segment Anything) JSON: runs without labels; a file per image",
    "voc": "PASCAL VOC masks: SegmentationClass, objects of SegmentationObject, labelmap.txt",
    "camvid": "CamVid masks: in the colors of label_colors.txt or class_dict.csv, or SegNet's values",
    "masks": "existing masks with a table of values or colors: palette, gray, RGB, Roboflow, Cityscapes, IDD",
    "scale": "Scale: polygon tasks, segmentation tasks (PNG and legend), Nucleus lines",
    "playment": "Playment: polygons as shares of the picture, raster masks with a legend",
    "segmentsai": "Segments.ai releases: bitmaps of object ids, polygons",
    "rectlabel": "RectLabel XML: polygons, cubic Bézier outlines, pixels; a file per image",
    "bsds": "Berkeley segmentation data: .seg and .mat; each segment its number",
    "waymo": "Waymo Open Dataset v2: camera segmentation in Parquet; needs the extra `waymo`",
    "geojson": "GeoJSON in pixels (QuPath); maps (shapefile, GeoPackage; extra `gis`); needs the pictures",
    "mapillary": "Mapillary Vistas 2.0 polygon JSON; a file per image",
    "bdd100k": "BDD100K and Scalabel: poly2d outlines with Bézier sides, runs",
    "darwin": "V7 Darwin JSON 2.0 and 1.0: polygons, ellipses, raster layers; a file per image",
    "encord": "Encord label rows: polygons as shares of the picture, bitmasks",
    "isat": "ISAT JSON: polygons by layer; a file per image",
    "imagej": "ImageJ ROIs: .roi files and zips; needs the pictures and the extra `imagej`",
    "dicom": "DICOM RTSTRUCT: contours on the slices of a series; needs the extra `dicom`",
    "labelme-xml": "LabelMe XML (MIT's, CVAT's): polygons, masks; a file per image",
    "via-csv": "VIA CSV of 1.x to 3.x: as VIA, a row a region; needs the pictures",
    "via": "VIA 1.x, 2.x and 3.x: polygons, rectangles, circles, ellipses; needs the pictures",
}


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
    """`open_annotations` for a resolved location; `tree` is its file listing, if the caller has one."""
    module = module_named(format) if format else None
    try:
        options = options or ReadOptions()
        if options.masks:
            _ = options.masks.place  # raises where the folder is missing
        annotations = _read(
            Content(Place(path, options.limits, tree=tree)), module, options, format_name=format
        )
    except OSError as error:
        failure = disk_error(error, path)
        if isinstance(failure, NotFound):  # a wrong SOURCE is an input error
            failure.exit_code = InputError.exit_code
        raise failure from None
    if annotations.format != "dataloop" and (flags := changed_flags(options.choice)):
        raise InputError(
            f"{' and '.join(flags)} choose among Dataloop's annotations",
            file=annotations.path,
            advice="leave them out",
        )
    labels = len({*annotations.used, *(name for name, _ in annotations.categories)})
    options.limits.check("max_labels", labels, str(annotations.path), f"{labels} labels")
    return annotations


def _with_local_names(annotations: Annotations, path: Location, options: ReadOptions) -> Annotations:
    """The annotations under image names that are safe below DEST, with a way to find each picture.

    Pictures are searched at `path`, unless the format itself knows where they are.
    """
    pictures = NamedPictures(path, annotations.names, images=options.images, limits=options.limits)
    if annotations.picture_file is no_picture_file:
        annotations = replace(annotations, picture_file=pictures.file)
    return renamed(annotations, picture_in_folders=pictures.file_in_folders)


def _read(
    content: Content, module: Format | None, options: ReadOptions, *, format_name: str | None
) -> Annotations:
    try:
        if archives := _archives(content, format_name):
            return _read_archives(content, archives, options)
        module = module or _sniffed_module(content)
        annotations = _read_files(content, _files(content, module), module, options)
        return _with_local_names(annotations, content.path, options)
    except FormatError as error:
        error.message += _looks_like(content, format_name)
        raise error if format_name or not module else _about_strange_file(error, content, module) from None


def _about_strange_file(error: FormatError, content: Content, module: Format) -> FormatError:
    """The error; where it is about a record of a file of another format, it says so.

    An error without a place is about the file as a whole, and has its own way out.
    """
    names = () if content.place.is_file or content.place.zip else content.place.names
    name = next((name for name in names if str(content.path / name) == error.file), None)
    if name and error.place and (other := _other_format(Content(content.place.file(name)), module)):
        error.message += f" (it looks like {other}, the folder like {module.FACTS.title})"
        rest = "leave it out of the folder's with --skip-invalid"
        return error.within(advice=f"name {error.file} as SOURCE to convert it apart, and {rest}")
    return error


def _other_format(file: Content, module: Format) -> str | None:
    """The format that a file shows where it is not the module's."""
    with suppress(FormatError):
        return None if module.sniff(file) else sniffed(file)
    return None


def _archives(content: Content, format_name: str | None) -> list[Content]:
    """The archives in a folder without annotations of its own, if all hold one format; else none.

    So the folder to which somebody downloaded exports is read without unpacking them.
    """
    if content.place.is_file or content.place.zip or format_name:
        return []
    names = [name for name in content.place.names if name.lower().endswith(ARCHIVES)]
    if not names or _format_in(content):
        return []
    archives = [Content(Place(content.path / name, content.place.limits)) for name in names]
    formats = {_format_in(archive) if archive.place.zip else None for archive in archives}
    return archives if len(formats) == 1 and None not in formats else []


def _read_archives(content: Content, archives: list[Content], options: ReadOptions) -> Annotations:
    """The annotations of a folder's only archive, or of several as subsets of one dataset."""
    if len(archives) == 1:
        return _read(archives[0], None, options, format_name=None)
    module = module_named(_format_in(archives[0]) or "")

    def read(archive: Content) -> Annotations:
        return _read_files(archive, _files(archive, module), module, options)

    subsets = archive_subsets([archive.name for archive in archives])
    annotations = joined(content, archives, subsets, read, options)
    names = ", ".join(archive.name for archive in archives)
    note = f"{len(archives)} archives are read as parts of one dataset ({names})"
    return _with_local_names(replace(annotations, notes=(note, *annotations.notes)), content.path, options)


def _format_in(content: Content) -> str | None:
    return next(filter(None, map(sniffed, islice(_candidates(content), _MAX_CANDIDATES))), None)


def _looks_like(content: Content, format: str | None) -> str:
    """A hint for the error message where a file looks like another format than the one named."""
    sniffed_name = None
    if format and content.place.is_file:
        with suppress(FormatError):
            sniffed_name = sniffed(content)
    return f" (it looks like {sniffed_name})" if sniffed_name not in (None, format) else ""


# a folder may hold pictures and other files too: annotations are searched in this order
_SUFFIXES = (
    ".json", ".ndjson", ".jsonl", ".geojson", ".xml", ".yaml", ".yml", ".txt", ".csv", ".seg", ".mat",
    ".parquet", ".roi", ".zip", ".dcm", ".shp", ".gpkg",
    ".png",
)  # fmt: skip
_TEXT = _SUFFIXES[: _SUFFIXES.index(".seg")]
_MAX_CANDIDATES = 64


def _candidates(content: Content) -> Iterator[Content]:
    """The files that may show the format, the likeliest first."""
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


def _is_text(content: Content) -> bool:
    """Whether a file should be text by its suffix, and is not empty."""
    return Path(content.name).suffix.lower() in _TEXT and bool(content.data.strip())


def _sniffed_module(content: Content) -> Format:
    candidates = list(islice(_candidates(content), _MAX_CANDIDATES))
    for candidate in candidates:
        if name := sniffed(candidate):
            return module_named(name)
    for candidate in candidates:
        if (content.place.is_file or _is_text(candidate)) and candidate.problem:
            raise candidate.problem
    raise no_format(content, candidates)


def _files(content: Content, module: Format) -> Sequence[Content]:
    """The files to read: the content itself, or in a folder the files of a one-file format."""
    if content.place.is_file or module.MANY:
        return [content]
    files = [file for file in _candidates(content) if module.sniff(file)]
    if not files:
        raise FormatError("no file of this format in it", file=content.path)
    return files


def _read_files(
    content: Content, files: Sequence[Content], module: Format, options: ReadOptions
) -> Annotations:
    """The annotations of one file, or of several files that are subsets of one dataset."""
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
