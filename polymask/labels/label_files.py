"""Label files of several kinds, recognized by content: text → rows for a label map.

Plain names, one a line (labelme's `labels.txt`, with `__ignore__` and `_background_`;
`car -> vehicle` paints one label as another, and a name in double quotes, a JSON string, is taken as it
is: `"car " -> vehicle`); Ultralytics' `data.yaml` and ISAT's `isat.yaml`; CVAT's `labelmap.txt`
(`name:r,g,b:parts:actions`); the tables beside masks and of ids (`color_tables`); `id2label.json` or
`label2id.json`; and polymask's `labels.json`.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from polymask.errors import InputError, LabelError, NotFound
from polymask.labels.color_tables import TableRow, table_rows
from polymask.labels.texts.json_labels import parse_json
from polymask.labels.texts.name_lines import parse_names
from polymask.labels.texts.rows import LabelRows
from polymask.labels.texts.yaml_names import is_yaml, parse_yaml
from polymask.storage.disk import disk_error, regular
from polymask.storage.remote.urls import Location, located
from polymask.storage.text_encodings import as_utf_8
from polymask.validation import Color, as_value

MOST_BYTES = 1 << 26  # of a label file


def parse(text: str) -> LabelRows:
    r"""The rows in the text of any kind of label file; raises `LabelError`.

    Examples:
        >>> parse('{"1": "cat", "2": "dog"}').values
        {'cat': 1, 'dog': 2}
    """
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        return parse_json(stripped)
    if is_yaml(text):
        return parse_yaml(text)
    if (rows := table_rows(text)) is not None:
        return _of_table(rows)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    if stripped.startswith("# label:color_rgb"):
        return _parse_labelmap(lines)
    lines = [(number, line) for number, line in lines if line]
    if lines and all(line.count(":") == 3 or line.startswith("#") for _, line in lines):
        return _parse_labelmap(lines)
    return parse_names(lines)


def label_values(text: str) -> dict[int, str]:
    """The labels by value in a file that numbers them, also by the usual values of background and void.

    Empty for other files. Raises `LabelError` for a value that no mask holds.
    """
    rows = parse(text)
    values = {} if rows.complete else rows.values
    return {as_value(f"label '{name}'", value): name for name, value in values.items()}


def _of_table(rows: Sequence[TableRow]) -> LabelRows:
    """The rows of a table, numbered by its values, or in the order of its colors."""
    return LabelRows(
        names=[row.painted_as for row in rows],
        values={row.painted_as: row.value for row in rows if row.value is not None},
        colors={row.painted_as: row.color for row in rows if row.color is not None},
        aliases={row.name: row.painted_as for row in rows if row.name != row.painted_as},
        advice="number its labels from 1",
    )


def _parse_labelmap(lines: Iterable[tuple[int, str]]) -> LabelRows:
    """CVAT's `name:r,g,b:parts:actions`, numbered from 1 in the lines' order."""
    rows: list[tuple[str, Color]] = []
    for number, line in lines:
        if not line or line.startswith("#"):
            continue
        name, _, fields = line.partition(":")
        try:
            red, green, blue = bytes(int(part) for part in fields.partition(":")[0].split(","))
        except ValueError:
            raise LabelError(
                f"line {number}: a line is `name:r,g,b:parts:actions`, colors from 0 to 255"
            ) from None
        rows.append((name, (red, green, blue)))
    return LabelRows(names=[name for name, _ in rows], colors=dict(rows))


def text_at(path: Location) -> str:
    """The text of a label file; raises the errors of `LabelMap.load`."""
    with in_file(path):
        return _bytes_at(path).decode("utf-8-sig")


def _bytes_at(path: Location) -> bytes:
    """What a regular file of a sensible size holds; it is read more than once, so a pipe will not do."""
    if isinstance(path, Path) and path.is_file() and path.stat().st_size > MOST_BYTES:
        raise LabelError(f"larger than any label file: more than {MOST_BYTES:,} bytes", advice="name another")
    try:
        return regular(path)
    except InputError:
        raise LabelError("no regular file", advice="name a label file") from None


@contextmanager
def in_file(path: Location) -> Iterator[None]:
    """Add the file to errors raised inside."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise LabelError("not UTF-8 text", file=path, advice=as_utf_8(path, error.object)) from None
    except OSError as error:
        failure = disk_error(error, path)
        if isinstance(failure, NotFound):  # a label file is the caller's to name
            failure.exit_code = InputError.exit_code
        raise failure from None
    except LabelError as error:
        raise (error if error.file == str(path) else error.within(file=path)) from None


def names_in(path: str | Location) -> dict[int, str]:
    """The names of all labels in a label file by class number, including background and void.

    In a file without numbers, the first name is that of class 0. Raises the errors of `LabelMap.load`.
    """
    with in_file(path := located(path)):
        return parse(text_at(path)).by_class
