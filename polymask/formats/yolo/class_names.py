"""The names of YOLO's classes, from data.yaml, else classes.txt, else a label file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath

from polymask.errors import FormatError, LabelError
from polymask.formats.reading.content import BOM, Content
from polymask.labels.texts.yaml_names import numbered_names, yaml_document
from polymask.storage.source_files import File, Place

ClassNames = Mapping[int, str]

YAML = (".yaml", ".yml")
CLASSES = "classes.txt"
_ABOVE = ("", "../", "../../")
_NOTHING = (None, "", "~", "null", "Null", "NULL")  # as YAML writes it


def has_names(content: Content) -> bool:
    """Whether a file is YAML with `names`."""
    return content.path.suffix.lower() in YAML and any(
        line.startswith(b"names:") for line in content.data.removeprefix(BOM).splitlines()
    )


def names_in(place: Place, labels: ClassNames) -> ClassNames:
    """The names by class number, from a data.yaml or classes.txt in or above a place, else from `labels`."""
    if yaml_file := next(
        (file for file in _files(place, YAML, "data.yaml") if has_names(Content(file))), None
    ):
        return described_names(Content(yaml_file))
    if classes_file := next(_files(place, (".txt",), CLASSES, required_name=CLASSES), None):
        return listed_names(Content(classes_file))
    if labels:
        return labels
    raise FormatError(
        "no data.yaml with `names`, and no classes.txt, in it",
        file=place.path,
        advice="name a file with the names of the classes, one a line from 0 on, with --labels FILE",
    )


def _files(place: Place, suffixes: tuple[str, ...], name: str, *, required_name: str = "") -> Iterator[File]:
    """The files with one of the suffixes in a place, then the file `name` in it or in a folder above."""
    inside = [path for path in place.names if PurePosixPath(path).suffix.lower() in suffixes]
    yield from (place.file(path) for path in inside if required_name in ("", PurePosixPath(path).name))
    if not place.zip:
        yield from filter(None, (place.find(prefix + name) for prefix in _ABOVE))


def described_names(content: Content) -> ClassNames:
    """The names in a data.yaml; raises `FormatError`."""
    with _as_format_error(content):
        document = yaml_document(content.text.decode())
    if document.get("kpt_shape") not in _NOTHING:
        raise FormatError(
            "kpt_shape: the rows are poses, whose points enclose nothing",
            file=content.path,
            advice="export polygons; where the rows are polygons, take `kpt_shape` out of the file",
        )
    with _as_format_error(content):
        return numbered_names(document)


@contextmanager
def _as_format_error(content: Content) -> Iterator[None]:
    """Name the file in what is wrong with its YAML."""
    try:
        yield
    except LabelError as error:
        raise FormatError(error.message, file=content.path) from None


def listed_names(content: Content) -> ClassNames:
    """The names in a classes.txt, one a line from class 0 on; raises `FormatError` for an empty line."""
    lines = content.text.decode().rstrip().splitlines()
    names = {number: line.strip() for number, line in enumerate(lines)}
    if "" in names.values():
        number = list(names.values()).index("") + 1
        raise FormatError(
            "an empty line, and no name of a class",
            file=content.path,
            place=f"line {number}",
            advice="write the name of the class there",
        )
    return names
