"""COCO's segmentations, rings or runs by their type: checked first, decoded when they are painted."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain

import msgspec
import numpy as np

from polymask.formats.coco.loose import Loose
from polymask.formats.coco.rows import UNSIZED, Annotation, Key, Number
from polymask.formats.drawing.shapes import united
from polymask.formats.parsing.native_json import is_plain, plain_rings
from polymask.formats.reading.ids import record_id
from polymask.formats.reading.refusals import Malformed, decode_json, inside
from polymask.ledger import BOX, EMPTY, Omitted
from polymask.limits import Limits
from polymask.model import Frame, Instance, Polygon, Runs, Shape
from polymask.raster.runs import run_counts


class _Rle(msgspec.Struct):
    size: tuple[Number, Number]
    counts: list[int] | str


FLAT_RING = "{count} segmentations are a ring that is not within a list"
PAIRS = "{count} segmentations have their points as pairs"
TEXT_NUMBERS = "{count} segmentations have their coordinates as text"
LISTED_RLE = "{count} segmentations are runs within a list"
SHORT_PART = "{count} parts of fewer than 3 points are left out (--skip-invalid)"
EMPTY_RING = "{count} rings have no point, and paint nothing"

_ring = msgspec.json.Decoder(list[float])
_rings = msgspec.json.Decoder(list[list[float]])
_rings_of_pairs = msgspec.json.Decoder(list[list[tuple[float, float]]])
_rings_of_text = msgspec.json.Decoder(list[list[float]], strict=False)
_rle = msgspec.json.Decoder(_Rle)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_LISTED_OBJECT = re.compile(rb"\[\s*\{")
_box = msgspec.json.Decoder(tuple[float, float, float, float])
_SHORT = (2, 4)  # numbers of one point, of two
_LEAST_BOX = len("null")  # bytes; four numbers in brackets take more
_NULL = msgspec.Raw(b"null")
_LEAST_TEXT = 4  # bytes of JSON for a point: two digits, two commas


def is_rle(segmentation: msgspec.Raw) -> bool:
    """Whether a segmentation is runs, or a list of them."""
    return bytes(memoryview(segmentation)[:1]) == b"{" or _is_list_of_rle(segmentation)


def _is_list_of_rle(segmentation: msgspec.Raw) -> bool:
    return _LISTED_OBJECT.match(segmentation) is not None


def rle_size(segmentation: msgspec.Raw) -> tuple[Number, Number]:
    """The height and width of runs as written, of a list those of the first; raises `Malformed`."""
    text = decode_json(segmentation, _list)[0] if _is_list_of_rle(segmentation) else segmentation
    return decode_json(text, _rle).size


def omission(
    annotation: Annotation,
    index: int,
    frames: Mapping[Key, Frame],
    names: Mapping[Key, str],
    *,
    boxes: bool = False,
    loose: Loose,
) -> Omitted | None:
    """Why an annotation is not painted, or None; raises `Malformed` where it cannot be used.

    With `boxes`, an annotation without a segmentation gets its box as one. Ids are set to those of the
    image and the category; `loose` counts the ones that match only as text.
    """
    if annotation.image_id not in frames:
        annotation.image_id = loose.image_id(annotation.image_id, frames)
    if annotation.category_id not in names:
        annotation.category_id = loose.category_id(annotation.category_id, names)
    if annotation.id is None:
        annotation.id = f"annotations[{index}]"
    frame = frames[annotation.image_id]
    if check_segmentation(annotation.segmentation, frame, loose.remarks, skip_parts=loose.skip_parts):
        return None
    if not has_box(annotation.bbox):
        return EMPTY
    if not boxes:
        return BOX
    annotation.segmentation = box_ring(annotation.bbox)
    return None


def has_box(bbox: msgspec.Raw) -> bool:
    """Whether there is a box."""
    return len(memoryview(bbox)) > _LEAST_BOX


def box_ring(bbox: msgspec.Raw) -> msgspec.Raw:
    """The segmentation of a box (x, y, width, height), one ring; raises `Malformed` for other values."""
    with inside("$.bbox"):
        x, y, width, height = decode_json(bbox, _box)
        right, bottom = x + width, y + height
        if not (math.isfinite(right) and math.isfinite(bottom)):
            raise Malformed("$", "a box that reaches beyond all numbers")
    return msgspec.Raw(msgspec.json.encode([[x, y, right, y, right, bottom, x, bottom]]))


def check_segmentation(
    segmentation: msgspec.Raw, frame: Frame, remarks: "Counter[str]", *, skip_parts: bool = False
) -> bool:
    """Whether a segmentation paints anything; raises `Malformed` where it cannot be painted.

    `remarks` counts loose spellings. With `skip_parts`, rings of too few points are left out, and
    counted, if there are other rings.
    """
    if is_plain(segmentation):
        return True
    with inside("$.segmentation"):
        if is_rle(segmentation):
            _runs(segmentation, frame)
            if _is_list_of_rle(segmentation):
                remarks[LISTED_RLE] += 1
            return True
        return bool(_checked_rings(segmentation, remarks, skip_parts=skip_parts))


def refuse_large(segmentations: Sequence[msgspec.Raw], limits: Limits, where: str) -> None:
    """Raise `LimitError` where the rings of a segmentation have more points than the limit allows."""
    shortest = _LEAST_TEXT * limits.max_vertices
    for index, segmentation in enumerate(segmentations):
        if len(memoryview(segmentation)) > shortest and not is_rle(segmentation):
            limits.check_points(f"{where}[{index}]", bytes(segmentation).count(b",") // 2 + 1)


def shapes_of(segmentations: list[msgspec.Raw], frame: Frame) -> list[Shape]:
    """The polygons or runs of an image's segmentations, which must have been checked."""
    rings = plain_rings(segmentations)
    if rings is None:
        return [_shape_of(segmentation, frame) for segmentation in segmentations]
    return [tuple([Polygon.trusted(ring) for ring in parts]) for parts in rings]


def _shape_of(segmentation: msgspec.Raw, frame: Frame) -> Shape:
    if is_rle(segmentation):
        return _runs(segmentation, frame)
    if is_plain(segmentation):
        return shapes_of([segmentation], frame)[0]
    rings = _checked_rings(segmentation, Counter(), skip_parts=True)  # as in the check
    return tuple(Polygon(np.array(ring).reshape(-1, 2)) for ring in rings)


def _checked_rings(
    segmentation: msgspec.Raw, remarks: "Counter[str]", *, skip_parts: bool
) -> list[list[float]]:
    """The rings that are painted; rings without points, which tools write for nothing, are left out."""
    if segmentation == _NULL:
        return []
    rings = _rings_in(segmentation, remarks)
    if empty := rings.count([]):
        remarks[EMPTY_RING] += empty
    short_rings = [ring for ring in rings if len(ring) in _SHORT] if skip_parts else []
    if short_rings and len(short_rings) + empty < len(rings):
        remarks[SHORT_PART] += len(short_rings)
        rings = [ring for ring in rings if len(ring) not in _SHORT]
    for index, ring in enumerate(rings):
        if not ring:
            continue
        if len(ring) % 2:
            raise Malformed(f"$[{index}]", f"{len(ring)} numbers are no pairs of x and y")
        if len(ring) < 6:
            raise Malformed(f"$[{index}]", f"a ring has at least 3 points, not {len(ring) // 2}")
    return list(filter(None, rings))


def _rings_in(segmentation: msgspec.Raw, remarks: "Counter[str]") -> list[list[float]]:
    """The rings of a segmentation, also in a spelling that is certain; raises `Malformed` for others."""
    try:
        return decode_json(segmentation, _rings)
    except Malformed as error:
        for remark, read in _SPELLINGS.items():
            with suppress(msgspec.DecodeError):
                rings = read(segmentation)
                if all(map(math.isfinite, chain.from_iterable(rings))):  # text may be "NaN"
                    remarks[remark] += 1
                    return rings
        raise error from None


_SPELLINGS: dict[str, Callable[[msgspec.Raw], list[list[float]]]] = {
    FLAT_RING: lambda text: [_ring.decode(text)],  # as VIA writes it
    PAIRS: lambda text: [list(chain.from_iterable(ring)) for ring in _rings_of_pairs.decode(text)],
    TEXT_NUMBERS: _rings_of_text.decode,
}


def _runs(segmentation: msgspec.Raw, frame: Frame) -> Runs:
    """Runs, or the union of a list of them, as pycocotools' `annToRLE` merges what a list holds."""
    if not _is_list_of_rle(segmentation):
        return _runs_of(segmentation, frame)
    parts: list[Runs] = []
    listed: list[msgspec.Raw] = decode_json(segmentation, _list)
    for index, part in enumerate(listed):
        with inside(f"$[{index}]"):
            parts.append(_runs_of(part, parts[0].frame if parts else frame))
    union = united(parts, parts[0].frame)
    assert isinstance(union, Runs)
    return union


def _runs_of(segmentation: msgspec.Raw, frame: Frame) -> Runs:
    rle = decode_json(segmentation, _rle)
    if frame == UNSIZED:  # compared later, with the picture's size
        frame = int(rle.size[0]), int(rle.size[1])
    if rle.size != frame:
        raise Malformed(
            "$.size", f"runs of {rle.size[0]} × {rle.size[1]} px in an image of {frame[0]} × {frame[1]}"
        )
    with inside("$.counts"):
        return Runs(run_counts(rle.counts) if isinstance(rle.counts, str) else rle.counts, frame)


def instances_of(annotations: Sequence[Annotation], frame: Frame, names: Mapping[Key, str]) -> list[Instance]:
    """The instances of an image's annotations, which must have been checked."""
    shapes = shapes_of([annotation.segmentation for annotation in annotations], frame)
    return [
        Instance(record_id(a.id or 0), names[a.category_id], shape, crowd=bool(a.iscrowd))
        for a, shape in zip(annotations, shapes, strict=True)
    ]
