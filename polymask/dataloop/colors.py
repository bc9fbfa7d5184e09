"""The colors of labels, as recipes write them."""

from collections.abc import Iterator
from typing import Any

from polymask.dataloop.answers import listed, part


def label_colors(roots: Any, prefix: str = "") -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Every label of an ontology that has a color, with it; nested ones by their path."""
    for root in listed(roots):
        value = part(root, "value")
        name = prefix + str(value.get("tag", ""))
        if color := parse_color(value.get("color")):
            yield name, color
        yield from label_colors(part(root).get("children"), f"{name}.")


def parse_color(value: Any) -> tuple[int, int, int] | None:
    """`#rrggbb`, `rgb(r,g,b)` or a list, as (red, green, blue); None for anything else.

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
    except (TypeError, ValueError):
        return None
    return (red, green, blue) if all(0 <= part <= 255 for part in (red, green, blue)) else None
