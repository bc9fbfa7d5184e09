"""Shots: the shown images of a report as small JSON objects, with mask, outlines and picture."""

import math
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polymask.codecs.pixels import size_problem
from polymask.codecs.png import encode_color, encode_png
from polymask.errors import InputError
from polymask.labels.label_map import VOID_8, LabelMap
from polymask.model import Conflict, Finding, Frame, ImageRecord, IndexMask, Ring, Runs, Shape
from polymask.raster import spans_of
from polymask.raster.spans import paint
from polymask.report.thumbnails import SIZES, best_size, small_jpeg

MOST_PIXELS = 1 << 26  # the largest canvas that phones open
SHOWN_PIXELS = 1 << 24  # of a larger image, after it is reduced
EXAMPLES = 8
TILE = 1024  # side of a tile of a reduced image's mask, in pixels of the full image
_TILED = ("tiles", "tilesBefore")
_JSON_ROUND = 4 / 3  # base64

Shot = dict[str, Any]
ReadPicture = Callable[[str], bytes | None]
ReadWindow = Callable[[int, int, int, int], IndexMask]  # row, column, height, width → that part of a mask


def shot_of(
    record: ImageRecord,
    mask: IndexMask,
    contested: NDArray[np.bool_] | None,
    *,
    label_map: LabelMap,
    frame: Frame,
) -> Shot:
    """The page's data of an image of that (height, width), without its picture; the mask may be reduced.

    Scripts can read the values of the mask: gray where they fit, else red + 256 × green; blue marks
    contested pixels.
    """
    rows = {label.name: row for row, label in enumerate(label_map.labels)}
    factor = np.array(frame[::-1], np.float64) / mask.shape[::-1]
    shapes = [
        [rows.get(label_map.name_of(instance.label), -1), str(instance.id), path_of(instance.shape, factor)]
        for instance in record.instances
    ]
    return {
        "name": record.name,
        "h": frame[0],
        "w": frame[1],
        "mask": _uri("png", mask_png(mask, contested)),
        "deep": int(contested is not None or mask.dtype != np.uint8),
        "shapes": shapes,
    }


def before_of(mask: IndexMask) -> Shot:
    """The page's data of the mask that an image had before."""
    return {"before": _uri("png", mask_png(mask, None)), "deepBefore": int(mask.dtype != np.uint8)}


def tiles_of(read: ReadWindow, frame: Frame, most: int) -> Shot | None:
    """The full mask of a reduced image in tiles, row by row; None for more than `most` bytes.

    A tile of one value is that value, any other a PNG that `mask_png` makes.
    """
    images: list[int | str] = []
    size = 0
    for window in _grid(frame):
        mask = read(*window)
        first = int(mask[0, 0])
        images.append(first if (mask == first).all() else _uri("png", mask_png(mask, None)))
        size += len(str(images[-1])) + 3
        if size > most:
            return None
    return {"side": TILE, "deep": int(mask.dtype != np.uint8), "images": images, "size": size}


def _grid(frame: Frame) -> Iterator[tuple[int, int, int, int]]:
    height, width = frame
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            yield top, left, min(TILE, height - top), min(TILE, width - left)


def mask_png(mask: IndexMask, contested: NDArray[np.bool_] | None) -> bytes:
    """A mask as PNG that a canvas can read exactly; see `shot_of`."""
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
    """The two labels, their pixels, and the share of each owner, for JSON."""
    return [*conflict.labels, conflict.pixels, dict(conflict.won)]


def plain_finding(finding: Finding) -> list[str]:
    """Kind, instance and message, for JSON."""
    return [finding.kind, "" if finding.instance is None else str(finding.instance), finding.message]


def size_of(shot: Mapping[str, Any]) -> int:
    """The approximate bytes of a shot in the file."""
    text = sum(len(part) + 12 for shape in shot["shapes"] for part in map(str, shape))
    images = sum(len(shot.get(kind, "")) for kind in ("mask", "before", "picture"))
    tiles: int = sum(shot[kind]["size"] for kind in _TILED if kind in shot)
    lists = len(str(shot.get("conflicts", ""))) + len(str(shot.get("findings", "")))
    return images + tiles + text + lists + 400


def within(shots: Sequence[Shot], budget: int) -> list[Shot]:
    """The first shots that fit into `budget` bytes; larger shots are skipped.

    Tiles are taken from the bytes that the shots without tiles leave, all tiles of a shot or none.
    """
    fitting, used = [], 0
    for shot in shots:
        size = size_of(_untiled(shot))
        if used + size <= budget:
            fitting.append(shot)
            used += size
    for place, shot in enumerate(fitting):
        tiles = size_of(shot) - size_of(_untiled(shot))
        if used + tiles <= budget:
            used += tiles
        else:
            fitting[place] = _untiled(shot)
    return fitting


def _untiled(shot: Mapping[str, Any]) -> Shot:
    return {key: value for key, value in shot.items() if key not in _TILED}


def step_of(frame: Frame) -> int:
    """The step between shown pixels of an image: 1, except for very large images.

    Examples:
        >>> step_of((8000, 8000)), step_of((20000, 15000))
        (1, 5)
    """
    pixels = frame[0] * frame[1]
    return 1 if pixels <= MOST_PIXELS else math.ceil(math.sqrt(pixels / SHOWN_PIXELS))


def add_pictures(
    shots: Sequence[Shot], read: ReadPicture, budget: int, *, annotated: bool
) -> tuple[int, list[str], list[str]]:
    """Add pictures to shots, as large as `budget` bytes allow.

    Returns the number of shots with a picture, the problems of pictures that cannot be shown, and the names
    of those that are scaled: a picture of another size is not shown where the frames are `annotated`.
    """
    step = max(1, len(shots) // EXAMPLES)
    examples = [(data, _frame(shot)) for shot in shots[::step] if (data := read(shot["name"]))]
    size = best_size(examples, len(shots), budget)
    count, problems, scaled = 0, list[str](), list[str]()
    for shot in shots:
        if (data := read(shot["name"])) is None:
            continue
        try:
            scaled += _scaled(shot, data, annotated=annotated)
            picture = small_jpeg(data, _frame(shot), size or SIZES[-1])
        except InputError as error:
            problems.append(f"{shot['name']}: {error}")
            continue
        if size and (cost := int(len(picture) * _JSON_ROUND) + 40) <= budget:
            shot["picture"] = _uri("jpeg", picture)
            budget -= cost
            count += 1
    return count, problems, scaled


def _scaled(shot: Shot, data: bytes, *, annotated: bool) -> list[str]:
    """The shot's name if its picture has another size; raises `InputError` where it must not have it."""
    problem = size_problem(BytesIO(data), _frame(shot))
    if problem and annotated:
        raise InputError(problem)
    return [shot["name"]] if problem else []


def _frame(shot: Shot) -> Frame:
    return shot["h"], shot["w"]


def path_of(shape: Shape, factor: NDArray[np.float64] | float = 1) -> str:
    """The SVG path of a shape in pixels times `factor` (or times x and y factors), to the hundredth.

    Fill it even-odd.

    Examples:
        >>> from polymask import Polygon
        >>> path_of((Polygon([(0, 0), (4, 0), (4, 2.5)]),))
        'M0 0 4 0 4 2.5Z'
    """
    if isinstance(shape, Runs):
        return "".join(_ring_path(ring * factor) for ring in _outline(shape))
    return "".join(_ring_path(ring * factor) for polygon in shape for ring in polygon.rings)


def _ring_path(ring: Ring) -> str:
    if not len(ring):
        return ""
    # + 0.0 turns -0.0, which would be written as "-0", into 0.0
    return f"M{' '.join(f'{number:g}' for number in (ring.round(2) + 0.0).reshape(-1).tolist())}Z"


def _outline(runs: Runs) -> list[NDArray[np.float64]]:
    import cv2

    mask = np.zeros(runs.frame, np.uint8)
    paint(mask, spans_of([runs], runs.frame)[0], 1)
    rings, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [ring.reshape(-1, 2).astype(np.float64) + 0.5 for ring in rings]  # through pixel centers
