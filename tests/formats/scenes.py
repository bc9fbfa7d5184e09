"""What a scene of kinds is: images, each a list of kinds of annotations, written as a format's source.

`outcomes` names for every kind what becomes of it; a pair is without and with `--boxes`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.formats import FIXTURES

H, W = 8, 12
RING = [[1, 1], [5, 1], [5, 5], [1, 5]]
FLAT = [float(number) for point in RING for number in point]
XY = [{"x": x, "y": y} for x, y in RING]
FIXTURE = json.loads((FIXTURES / "labelme/boat.json").read_text())
RUNS = {"size": [H, W], "counts": [9, 4, H * W - 13]}
BRUSH = [0, 0, 0, 4, 57, 27, 252, 127, 224]  # four bytes: of a picture of 1 px

Images = Sequence[Sequence[str]]
Outcome = str | tuple[str, str]


@dataclass(frozen=True)
class Scene:
    """A format's kinds with what becomes of each, and how images of such kinds are written.

    `besides` is what an annotation becomes that each image has besides its kinds.
    """

    format: str
    outcomes: dict[str, Outcome]
    write: Callable[[Path, Images], Path]
    options: dict[str, Any] = field(default_factory=dict)
    besides: str = ""


def name(image: int) -> str:
    return f"i{image}.png"


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (W, H)).save(path)


def outcomes(table: dict[str, Any], **others: str | tuple[str, str]) -> dict[str, Outcome]:
    """What becomes of the kinds of a table: painted, but for the others."""
    given = {key.replace("_", " "): value for key, value in others.items()}
    return {kind: given.get(kind, "painted") for kind in {**table, **given}}
