"""The labels of recipes: their names, nested ones by their path, and their colors."""

from collections.abc import Iterator
from typing import Any

from polymask.dataloop.service.responses import listed, part
from polymask.validation import Color


def labels_of(roots: Any, prefix: str = "") -> Iterator[tuple[str, Color | None]]:
    """Every label of an ontology in its order, a parent before its children, with its color if it has one.

    Examples:
        >>> cat = {"value": {"tag": "cat", "color": "#ff0000"}, "children": [{"value": {"tag": "paw"}}]}
        >>> list(labels_of([cat]))
        [('cat', (255, 0, 0)), ('cat.paw', None)]
    """
    for root in listed(roots):
        value = part(root, "value")
        name = prefix + str(value.get("tag", ""))
        if name:
            yield name, parse_color(value.get("color"))
            yield from labels_of(part(root).get("children"), f"{name}.")


def parse_color(value: Any) -> Color | None:
    """`#rrggbb`, `rgb(r,g,b)` or a list, as (red, green, blue); None for anything else.

    Examples:
        >>> parse_color("#ff8000"), parse_color("rgb(1, 2, 3)"), parse_color("red")
        ((255, 128, 0), (1, 2, 3), None)
    """
    try:
        if isinstance(value, str) and value.startswith("#"):
            red, green, blue = bytes.fromhex(value[1:7])
        elif isinstance(value, str):
            red, green, blue = (int(part) for part in value.removeprefix("rgb(").rstrip(")").split(","))
        else:
            red, green, blue = (int(part) for part in value[:3])
    except (TypeError, ValueError, KeyError):  # a mapping: its slice is no key, since Python 3.12
        return None
    return (red, green, blue) if all(0 <= part <= 255 for part in (red, green, blue)) else None
