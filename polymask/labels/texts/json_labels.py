"""Labels in JSON: lists of names, `id2label.json` and `label2id.json`, polymask's own `labels.json`."""

import json
from collections.abc import Sequence
from typing import Any

from polymask.errors import LabelError
from polymask.labels.texts.rows import LabelRows
from polymask.validation import Color

UNLABELED = ("unlabeled", 0)  # what Cityscapes calls the background
LONGEST_ID = 9  # digits, and no more than a message can show


def parse_json(text: str) -> LabelRows:
    """The labels in a JSON text; raises `LabelError`."""
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
