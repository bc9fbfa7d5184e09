"""Label files of several kinds, recognized by content: text → rows for a label map.

Plain names, one a line (labelme's `labels.txt`, with `__ignore__` and `_background_`;
`car -> vehicle` paints one label as another, and a name in double quotes, a JSON string, keeps its
outer spaces: `"car " -> vehicle`); CVAT's `labelmap.txt`
(`name:r,g,b:parts:actions`); the tables beside masks (`color_tables`); `id2label.json` or
`label2id.json`; and polymask's `labels.json`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unicodedata import normalize

from polymask.errors import InputError, LabelError, NotFound
from polymask.labels.color_tables import TableRow, table_rows
from polymask.storage.disk import disk_error, regular
from polymask.storage.remote.urls import Location, located
from polymask.validation import Color

NumberedLines = Sequence[tuple[int, str]]
UNLABELED = ("unlabeled", 0)  # the background of Cityscapes
MOST_BYTES = 1 << 26  # of a label file
LONGEST_ID = 9  # digits, so that a message can show it


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRows:
    """The content of a label file, not yet checked as a whole.

    `names` are the labels in the file's order; labels without `values` are numbered. `complete` rows
    set all values and colors, also `background` and `void`. `advice` tells how to correct rows that
    make no label map.
    """

    names: Sequence[str]
    values: Mapping[str, int] = field(default_factory=dict)
    colors: Mapping[str, Color] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    complete: bool = False
    background: int = 0
    void: int = 255
    advice: str = ""


def parse(text: str) -> LabelRows:
    r"""The rows in the text of any kind of label file; raises `LabelError`.

    Examples:
        >>> parse('{"1": "cat", "2": "dog"}').values
        {'cat': 1, 'dog': 2}
    """
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        return _parse_json(stripped)
    if (rows := table_rows(text)) is not None:
        return _of_table(rows)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    if stripped.startswith("# label:color_rgb"):
        return _parse_labelmap(lines)
    lines = [(number, line) for number, line in lines if line]
    if lines and all(line.count(":") == 3 or line.startswith("#") for _, line in lines):
        return _parse_labelmap(lines)
    return _parse_names(lines)


def _of_table(rows: Sequence[TableRow]) -> LabelRows:
    """The rows of a table, numbered by its values, or in the order of its colors."""
    return LabelRows(
        names=[row.painted_as for row in rows],
        values={row.painted_as: row.value for row in rows if row.value is not None},
        colors={row.painted_as: row.color for row in rows if row.color is not None},
        aliases={row.name: row.painted_as for row in rows if row.name != row.painted_as},
        advice="number its labels from 1",
    )


def _parse_names(lines: NumberedLines) -> LabelRows:
    """The rows of a list of names; `targets` are the labels that they are painted as, by default the name."""
    targets: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in lines:
        name, target = _name_and_target(line, number)
        if targets.setdefault(name, target) != target:
            raise LabelError(f"line {number}: '{name}' is painted as '{targets[name]}' already")
        numbers.setdefault(name, number)
    _refuse_chains(targets, numbers)
    aliases = {name: target for name, target in targets.items() if name != target}
    return LabelRows(names=list(targets.values()), aliases=aliases)


_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(rf"({_QUOTED}|(?:(?!->).)+?)\s*(?:->\s*({_QUOTED}|(?:(?!->).)+))?")


def _name_and_target(line: str, number: int) -> tuple[str, str]:
    """The name in a line, and the label that it is painted as."""
    parts = _LINE.fullmatch(line)
    name = _unquoted(parts[1], number) if parts else ""
    target = _unquoted(parts[2], number) if parts and parts[2] else name
    if not name or not target:
        raise LabelError(f"line {number}: a line is `name` or `name -> label`")
    return name, target


def _unquoted(name: str, number: int) -> str:
    """The text of a name, which may be written as a JSON string."""
    if not re.fullmatch(_QUOTED, name):
        return name
    try:
        return str(json.loads(name))
    except ValueError as error:
        raise LabelError(f"line {number}: {name} is no JSON string: {error}") from None


def quoted(name: str) -> str:
    r"""A name as written in a label file: in double quotes where it would else be misread.

    Examples:
        >>> quoted("weed"), quoted("weed "), quoted("wee\u0301d")
        ('weed', '"weed "', '"wee\\u0301d"')
    """
    is_visible = name == normalize("NFC", name) and name.isprintable()
    plain = is_visible and name == name.strip() and name[:1] not in ('"', "{", "[", "#") and "->" not in name
    return name if plain else json.dumps(name, ensure_ascii=not is_visible)


def _refuse_chains(targets: dict[str, str], numbers: dict[str, int]) -> None:
    for name, number in numbers.items():
        target = targets[name]
        if (final := targets.get(target, target)) != target:
            raise LabelError(
                f"line {number}: '{target}' is itself painted as '{final}'",
                advice="point the arrow at the last label",
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


def _parse_json(text: str) -> LabelRows:
    try:
        document = json.loads(text, object_pairs_hook=_members)
    except LabelError:
        raise
    except (ValueError, RecursionError) as error:
        raise LabelError(f"not JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("labels"), list):
        return _parse_polymask(document)
    if isinstance(document, list) and all(isinstance(name, str) for name in document):
        return LabelRows(names=document)
    if not isinstance(document, dict):
        raise LabelError("expected a list of names, an id2label object, or polymask's labels.json")
    inner = document.get("id2label") or document.get("label2id") or document
    if not isinstance(inner, dict):
        raise LabelError('$: id2label and label2id are objects, e.g. {"1": "name"} or {"name": 1}')
    return _from_pairs([_pair(key, value) for key, value in inner.items()])


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object's members; raises `LabelError` for a name that occurs twice with different values."""
    members: dict[str, Any] = {}
    for name, value in pairs:
        if members.setdefault(name, value) != value:
            raise LabelError(f"'{name[:40]}' occurs twice", advice="take one of the two out")
    return members


def _pair(key: str, value: Any) -> tuple[str, int]:
    if isinstance(value, str) and len(key) <= LONGEST_ID and key.removeprefix("-").isdecimal():
        return value, int(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return key, value
    raise LabelError(f'$.{key[:40]}: expected {{"1": "name"}} or {{"name": 1}}')


def _from_pairs(pairs: Sequence[tuple[str, int]]) -> LabelRows:
    """The first name of a value is the label; the value's other names are painted as it."""
    first: dict[int, str] = {}
    aliases: dict[str, str] = {}
    values_of: dict[str, int] = {}
    for name, value in sorted(pairs, key=lambda pair: pair[1]):
        if values_of.setdefault(name, value) != value:
            raise LabelError(
                f"'{name}' has two values, {values_of[name]} and {value}",
                advice="keep one of them, and give the other a different name",
            )
        if (name, value) == UNLABELED:
            aliases[name] = "background"
        elif name == UNLABELED[0] and 0 in first:  # as in IDD, where 0 is road
            aliases[name] = first[value] = "background"
        elif first.setdefault(value, name) != name:
            aliases[name] = first[value]
    values = {name: value for value, name in first.items()}
    return LabelRows(names=list(values), values=values, aliases=aliases, advice="number its labels from 1")


def _parse_polymask(document: dict[str, Any]) -> LabelRows:
    names: list[str] = []
    values: dict[str, Any] = {}
    colors: dict[str, Color] = {}
    for index, entry in enumerate(document["labels"]):
        try:
            name = str(entry["name"])
            red, green, blue = bytes.fromhex(entry["color"].removeprefix("#"))
            names.append(name)
            values[name], colors[name] = entry["value"], (red, green, blue)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise LabelError(
                f'$.labels[{index}]: expected {{"name": "cat", "value": 1, "color": "#800000"}}'
            ) from None
    aliases = document.get("aliases", {})
    if not isinstance(aliases, dict) or not all(isinstance(name, str) for name in aliases.values()):
        raise LabelError("$.aliases: expected names to names")
    return LabelRows(
        names=names,
        values=values,
        colors=colors,
        aliases=aliases,
        complete=True,
        background=document.get("background", 0),
        void=document.get("void", 255),
        advice="give each label, the background and void a name and a value of its own",
    )


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
    except UnicodeDecodeError:
        raise LabelError("not UTF-8 text", file=path, advice="save it as UTF-8") from None
    except OSError as error:
        failure = disk_error(error, path)
        if isinstance(failure, NotFound):  # a label file is the caller's to name
            failure.exit_code = InputError.exit_code
        raise failure from None
    except LabelError as error:
        raise (error if error.file == str(path) else error.within(file=path)) from None


def names_in(path: str | Location) -> tuple[str, ...]:
    """The names of all labels in a label file, in its order, including background and void.

    Raises the errors of `LabelMap.load`.
    """
    with in_file(path := located(path)):
        return tuple(parse(text_at(path)).names)
