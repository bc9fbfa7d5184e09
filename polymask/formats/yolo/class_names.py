"""The names of YOLO's classes, from data.yaml, else classes.txt, else a label file."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from polymask.errors import FormatError
from polymask.formats.reading.content import BOM, Content
from polymask.storage.source_files import File, Place

ClassNames = Mapping[int, str]

YAML = (".yaml", ".yml")
CLASSES = "classes.txt"
_ABOVE = ("", "../", "../../")
_MAX_YAML_BYTES = 1 << 20  # YAML is slow to parse, and merge keys may double it with every line


def has_names(content: Content) -> bool:
    """Whether a file is YAML with `names`."""
    return content.path.suffix in YAML and any(
        line.startswith(b"names:") for line in content.data.removeprefix(BOM).splitlines()
    )


def names_in(place: Place, labels: tuple[str, ...]) -> ClassNames:
    """The names by class number, from a data.yaml or classes.txt in or above a place, else from `labels`."""
    if yaml_file := next(
        (file for file in _files(place, YAML, "data.yaml") if has_names(Content(file))), None
    ):
        return described_names(Content(yaml_file))
    if classes_file := next(_files(place, (".txt",), CLASSES, required_name=CLASSES), None):
        return listed_names(Content(classes_file))
    if labels:
        return dict(enumerate(labels))
    raise FormatError(
        "no data.yaml with `names`, and no classes.txt, in it",
        file=place.path,
        advice="name a file with the names of the classes, one a line from 0 on, with --labels FILE",
    )


def _files(place: Place, suffixes: tuple[str, ...], name: str, *, required_name: str = "") -> Iterator[File]:
    """The files with one of the suffixes in a place, then the file `name` in it or in a folder above."""
    inside = [path for path in place.names if PurePosixPath(path).suffix in suffixes]
    yield from (place.file(path) for path in inside if required_name in ("", PurePosixPath(path).name))
    if not place.zip:
        yield from filter(None, (place.find(prefix + name) for prefix in _ABOVE))


def described_names(content: Content) -> ClassNames:
    """The names in a data.yaml, given as a list or as a mapping of numbers to names.

    Values are read as text, so that a name may look like a number. Raises `FormatError`.
    """
    document = _document(content)
    if "kpt_shape" in document:
        raise FormatError(
            "kpt_shape: the rows are poses, whose points enclose nothing",
            file=content.path,
            advice="export polygons; where the rows are polygons, take `kpt_shape` out of the file",
        )
    names = document.get("names")
    pairs = dict(enumerate(names)) if isinstance(names, list) else names
    if not isinstance(pairs, dict) or not all(isinstance(name, str) and name for name in pairs.values()):
        raise FormatError("names: expected a list of names, or ids and names", file=content.path)
    try:
        return dict(sorted((int(key), name) for key, name in pairs.items()))
    except (ValueError, TypeError):
        raise FormatError("names: expected whole numbers as ids", file=content.path) from None


def _document(content: Content) -> dict[str, Any]:
    import yaml

    if len(content.text) > _MAX_YAML_BYTES or b"<<" in content.text:
        raise FormatError("no data.yaml: above 1 MiB, or with merge keys (`<<`)", file=content.path)
    try:
        document = yaml.BaseLoader(content.text).get_single_data()  # every scalar stays text
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FormatError(f"not YAML: {error}", file=content.path) from None
    return document if isinstance(document, dict) else {}


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
