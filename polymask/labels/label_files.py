"""Label files, told apart by content: four kinds of text → a label map.

Plain names, one a line (labelme's `labels.txt`, with `__ignore__` and `_background_`;
`car -> vehicle` paints one label as another); CVAT's `labelmap.txt`
(`name:r,g,b:parts:actions`); `id2label.json` or `label2id.json`; and polymask's own
`labels.json`.
"""

import json
from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Any

from polymask.errors import LabelError
from polymask.labels.label_map import VOID_8, LabelMap, way_out
from polymask.model import Label

Lines = Sequence[tuple[int, str]]
UNLABELED = ("unlabeled", 0)  # what Cityscapes calls the background
LONGEST_ID = 9  # digits, and no more than a message can show


def from_text(text: str) -> LabelMap:
    r"""The label map in the text of any of the four kinds of label file; raises `LabelError`.

    >>> from_text('{"1": "cat", "2": "dog"}').value_of("dog")
    2
    """
    stripped = text.lstrip()
    if stripped.startswith(("{", "[")):
        return _parse_json(stripped)
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    if stripped.startswith("# label:color_rgb"):
        return _parse_labelmap(lines)
    lines = [(number, line) for number, line in lines if line]
    if lines and all(line.count(":") == 3 or line.startswith("#") for _, line in lines):
        return _parse_labelmap(lines)
    return _parse_names(lines)


def _parse_names(lines: Lines) -> LabelMap:
    """Each name's target is the label it is painted as: itself, or what an arrow points at."""
    targets: dict[str, str] = {}
    for number, line in lines:
        name, arrow, target = (part.strip() for part in line.partition("->"))
        target = target if arrow else name
        if not name or not target or "->" in target:
            raise LabelError(f"line {number}: a line is `name` or `name -> label`")
        if targets.setdefault(name, target) != target:
            raise LabelError(f"line {number}: '{name}' is painted as '{targets[name]}' already")
    _refuse_chains(targets, lines)
    aliases = {name: target for name, target in targets.items() if name != target}
    return LabelMap.from_names(targets.values(), aliases=aliases)


def _refuse_chains(targets: dict[str, str], lines: Lines) -> None:
    for number, line in lines:
        target = targets[line.partition("->")[0].strip()]
        if (last := targets.get(target, target)) != target:
            raise LabelError(
                f"line {number}: '{target}' is itself painted as '{last}'; point the arrow at the last label"
            )


def _parse_labelmap(lines: Iterable[tuple[int, str]]) -> LabelMap:
    """CVAT's `name:r,g,b:parts:actions`, numbered from 1 in the lines' order."""
    rows: list[tuple[str, tuple[int, int, int]]] = []
    for number, line in lines:
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        try:
            red, green, blue = bytes(int(part) for part in rest.partition(":")[0].split(","))
        except ValueError:
            raise LabelError(
                f"line {number}: a line is `name:r,g,b:parts:actions`, colors from 0 to 255"
            ) from None
        rows.append((name, (red, green, blue)))
    plain = LabelMap.from_names([name for name, _ in rows])
    colors = dict(rows)
    labels = tuple(Label(label.name, label.value, colors[label.name]) for label in plain.labels)
    return LabelMap(labels, plain.background, plain.void)


def _parse_json(text: str) -> LabelMap:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"not JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("labels"), list):
        return _parse_own(document)
    if isinstance(document, list) and all(isinstance(name, str) for name in document):
        return LabelMap.from_names(document)
    if not isinstance(document, dict):
        raise LabelError("expected a list of names, an id2label object, or polymask's labels.json")
    inner = document.get("id2label") or document.get("label2id") or document
    if not isinstance(inner, dict):
        raise LabelError('$: id2label and label2id are objects, e.g. {"1": "name"} or {"name": 1}')
    return _from_pairs([_pair(key, value) for key, value in inner.items()])


def _pair(key: str, value: Any) -> tuple[str, int]:
    if isinstance(value, str) and len(key) <= LONGEST_ID and key.removeprefix("-").isdecimal():
        return value, int(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return key, value
    raise LabelError(f'$.{key[:40]}: expected {{"1": "name"}} or {{"name": 1}}')


def _from_pairs(pairs: Sequence[tuple[str, int]]) -> LabelMap:
    """The first name of a value is the label; the value's other names are painted as it."""
    first: dict[int, str] = {}
    aliases: dict[str, str] = {}
    for name, value in sorted(pairs, key=lambda pair: pair[1]):
        if (name, value) == UNLABELED:
            aliases[name] = "background"
        elif first.setdefault(value, name) != name:
            aliases[name] = first[value]
    with way_out("number its labels from 1"):
        return LabelMap.from_values({name: value for value, name in first.items()}, aliases=aliases)


def _parse_own(document: dict[str, Any]) -> LabelMap:
    labels = []
    for index, entry in enumerate(document["labels"]):
        try:
            red, green, blue = bytes.fromhex(entry["color"].removeprefix("#"))
            labels.append(Label(str(entry["name"]), entry["value"], (red, green, blue)))
        except LabelError as error:
            raise LabelError(f"$.labels[{index}]: {error}") from None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise LabelError(
                f'$.labels[{index}]: expected {{"name": "cat", "value": 1, "color": "#800000"}}'
            ) from None
    aliases = document.get("aliases", {})
    if not isinstance(aliases, dict) or not all(isinstance(name, str) for name in aliases.values()):
        raise LabelError("$.aliases: expected names to names")
    with way_out("give each label, the background and void a name and a value of its own"):
        background, void = document.get("background", 0), document.get("void", VOID_8)
        return LabelMap(tuple(labels), background, void, MappingProxyType(aliases))
