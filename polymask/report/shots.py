"""The images that a report shows, each as a small JSON value with its mask, outlines and picture."""

import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.png import encode_color, encode_png
from polymask.errors import InputError
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.model import Conflict, Finding, Frame, ImageRecord, IndexMask
from polymask.report.svg import path_of
from polymask.report.thumbnails import SIZES, best_size, small_jpeg

MOST_PIXELS = 1 << 26  # a canvas of more is beyond what phones open
SHOWN_PIXELS = 1 << 24  # of an image above it, reduced
EXAMPLES = 8
_JSON_ROUND = 4 / 3  # base64

Shot = dict[str, Any]
ReadPicture = Callable[[str], bytes | None]


def shot_of(
    record: ImageRecord, mask: IndexMask, contested: NDArray[np.bool_] | None, *, label_map: LabelMap
) -> Shot:
    """What the page knows of an image, but for its picture.

    The mask's values stay readable: gray where they fit, else red + 256 × green; blue marks
    contested pixels.
    """
    rows = {label.name: row for row, label in enumerate(label_map.labels)}
    height, width = mask.shape
    shapes = [
        [rows.get(label_map.name_of(instance.label), -1), str(instance.id), path_of(instance.shape)]
        for instance in record.instances
    ]
    return {
        "name": record.name,
        "h": height,
        "w": width,
        "mask": _uri("png", mask_png(mask, contested)),
        "deep": int(contested is not None or mask.dtype != np.uint8),
        "shapes": shapes,
    }


def before_of(mask: IndexMask) -> Shot:
    """What the page knows of the mask that an image had before."""
    return {"before": _uri("png", mask_png(mask, None)), "deepBefore": int(mask.dtype != np.uint8)}


def mask_png(mask: IndexMask, contested: NDArray[np.bool_] | None) -> bytes:
    """A mask that a page's canvas can read back exactly; see `shot_of`."""
    if contested is None and mask.dtype == np.uint8:
        grays = np.repeat(np.arange(VOID_8 + 1, dtype=np.uint8)[:, None], 3, axis=1)
        return encode_png(mask, palette=grays)
    pixels = np.zeros((*mask.shape, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = mask & 255, mask >> 8
    if contested is not None:
        pixels[..., 2] = contested
    return encode_color(pixels)


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def plain_conflict(conflict: Conflict) -> list[Any]:
    """The two labels, their pixels, and each owner's."""
    return [*conflict.labels, conflict.pixels, dict(conflict.won)]


def plain_finding(finding: Finding) -> list[str]:
    """Kind, instance and message."""
    return [finding.kind, "" if finding.instance is None else str(finding.instance), finding.message]


def size_of(shot: Mapping[str, Any]) -> int:
    """About how many bytes a shot takes in the file."""
    text = sum(len(part) + 12 for shape in shot["shapes"] for part in map(str, shape))
    images = sum(len(shot.get(kind, "")) for kind in ("mask", "before", "picture"))
    return images + text + len(str(shot.get("conflicts", ""))) + len(str(shot.get("findings", ""))) + 400


def within(shots: Sequence[Shot], budget: int) -> list[Shot]:
    """The first shots that fit into a number of bytes; shots that are too large are passed over."""
    fitting, used = [], 0
    for shot in shots:
        size = size_of(shot)
        if used + size <= budget:
            fitting.append(shot)
            used += size
    return fitting


def step_of(frame: Frame) -> int:
    """Every how many pixels an image is shown: 1, but for images that are too large.

    >>> step_of((8000, 8000)), step_of((20000, 15000))
    (1, 5)
    """
    pixels = frame[0] * frame[1]
    return 1 if pixels <= MOST_PIXELS else math.ceil(math.sqrt(pixels / SHOWN_PIXELS))


def add_pictures(shots: Sequence[Shot], read: ReadPicture, budget: int) -> tuple[int, list[str]]:
    """Give shots their pictures, as large as fits into the bytes.

    Returns how many have one, and what is wrong with those that cannot be shown.
    """
    step = max(1, len(shots) // EXAMPLES)
    examples = [(data, _frame(shot)) for shot in shots[::step] if (data := read(shot["name"]))]
    size = best_size(examples, len(shots), budget)
    count, problems = 0, []
    for shot in shots:
        if (data := read(shot["name"])) is None:
            continue
        try:
            picture = small_jpeg(data, _frame(shot), size or SIZES[-1])
        except InputError as error:
            problems.append(f"{shot['name']}: {error}")
            continue
        if size and (cost := int(len(picture) * _JSON_ROUND) + 40) <= budget:
            shot["picture"] = _uri("jpeg", picture)
            budget -= cost
            count += 1
    return count, problems


def _frame(shot: Shot) -> Frame:
    return shot["h"], shot["w"]
