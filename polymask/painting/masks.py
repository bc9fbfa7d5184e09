"""What pipelines call on one record: its label masks, its index mask, and who claims the same pixels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from polymask.errors import GeometryError
from polymask.labels.as_label_map import Labels, as_label_map
from polymask.labels.label_map import BACKGROUND_NAMES, VOID_NAMES, LabelMap
from polymask.model import BoolMask, Conflict, Frame, ImageRecord, IndexMask, Window
from polymask.painting.painting import Painting, Rules
from polymask.raster.exchange.geojson import geometry_of
from polymask.raster.exchange.outlines import polygons_around_mask
from polymask.raster.painted import fill
from polymask.raster.spans import paint
from polymask.validation import whole


@dataclass(frozen=True, slots=True, eq=False)
class LabelMask:
    """The (height, width) bool mask of one label, and the ids of the instances it is the union of."""

    label: str
    mask: BoolMask
    sources: tuple[int | str, ...]

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The GeoJSON geometry around the mask's pixels: rasterized, it is the same mask again."""
        return geometry_of(polygons_around_mask(self.mask))


def label_masks(record: ImageRecord, *, pixel_rule: str = "center") -> Iterator[LabelMask]:
    """One bool mask per label of a record, in order of first appearance: the union of its instances.

    Masks are (height, width), independent of each other, and may overlap. Instances
    labeled background or `__ignore__` have none.

    Examples:
        >>> from polymask import Instance, Polygon
        >>> cat = Instance(1, "cat", Polygon([(0, 0), (2, 0), (2, 1), (0, 1)]))
        >>> (cats,) = label_masks(ImageRecord(1, "a", (2, 2), [cat]))
        >>> cats.label, cats.mask.sum().item(), cats.sources
        ('cat', 2, (1,))
    """
    names = dict.fromkeys(i.label for i in record.instances)
    painting = Painting(record, LabelMap.from_names(names), Rules(pixel_rule=pixel_rule))
    for label in (name for name in names if name not in BACKGROUND_NAMES | VOID_NAMES):
        mask = np.zeros(record.frame, bool)
        if label in painting.label_spans:
            paint(mask, painting.label_spans[label], 1)
        yield LabelMask(label, mask, tuple(i.id for i in record.instances if i.label == label))


def index_mask(  # noqa: PLR0913 - the rules of a picture, each by name
    record: ImageRecord,
    label_map: Labels,
    *,
    overlap: str = "last",
    pixel_rule: str = "center",
    priority: Sequence[str] = (),
    crowd: str = "keep",
    border: int = 0,
    holes: str | None = None,
    window: Window | None = None,
) -> IndexMask:
    """The (height, width) uint8 or uint16 mask of label values.

    `label_map` is a `LabelMap`, the path of a label file, names for the values from 1 on, or
    {name: value}. With a `window` (row, column, height, width), in pixels, only that part of the mask
    is made: `mask[row : row + height, column : column + width]` of the whole, at the memory of the part.

    Raises `LabelError` for a label that is not in the map and, under the overlap rule
    `error`, for a conflict; `InputError` for an unknown rule, `GeometryError` for a window
    that is not in the frame.

    Examples:
        >>> from polymask import Instance, Polygon
        >>> low = Instance(1, "cat", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
        >>> top = Instance(2, "dog", Polygon([(2, 0), (4, 0), (4, 1), (2, 1)]))
        >>> record = ImageRecord(1, "a.jpg", (1, 4), (low, top))
        >>> index_mask(record, ["cat", "dog"])
        array([[1, 1, 2, 2]], dtype=uint8)
        >>> index_mask(record, ["cat", "dog"], overlap="void")
        array([[  1,   1, 255,   2]], dtype=uint8)
        >>> index_mask(record, {"cat": 7, "dog": 9}, window=(0, 1, 1, 2))
        array([[7, 9]], dtype=uint8)
    """
    rules = Rules(
        pixel_rule=pixel_rule,
        overlap=overlap,
        priority=tuple(priority),
        crowd=crowd,
        border=border,
        holes=holes,
    )
    painting = Painting(record, as_label_map(label_map), rules)
    if window is None:
        return painting.index
    return fill(painting.painted.window(*_as_window(window, record.frame)), painting.label_map.dtype)


def _as_window(window: Window, frame: Frame) -> Window:
    """A window as plain numbers; raises `GeometryError` unless it is in the frame and has pixels."""
    numbers = [whole(number) for number in window]
    if len(numbers) != 4 or None in numbers:
        raise GeometryError(f"a window is (row, column, height, width) in whole pixels, not {window!r}")
    row, column, height, width = (number or 0 for number in numbers)
    is_inside = 0 <= row < row + height <= frame[0] and 0 <= column < column + width <= frame[1]
    if not is_inside:
        raise GeometryError(
            f"{(row, column, height, width)}, as (row, column, height, width), is no window of a frame of "
            f"{frame[0]} × {frame[1]}",
            advice="cut it off at the frame's edge",
        )
    return row, column, height, width


def conflicts(
    record: ImageRecord,
    *,
    label_map: Labels | None = None,
    overlap: str = "last",
    pixel_rule: str = "center",
    priority: Sequence[str] = (),
) -> tuple[Conflict, ...]:
    """The pixels that pairs of different labels claim, and who owns them under the overlap rule.

    A pixel that several labels claim counts once for each unordered pair. Overlap
    within one label is no conflict; background and void claim nothing.

    Examples:
        >>> from polymask import Instance, Polygon
        >>> low = Instance(1, "cat", Polygon([(0, 0), (3, 0), (3, 1), (0, 1)]))
        >>> top = Instance(2, "dog", Polygon([(2, 0), (4, 0), (4, 1), (2, 1)]))
        >>> [(c.labels, c.pixels, c.winner) for c in conflicts(ImageRecord(1, "a.jpg", (1, 4), (low, top)))]
        [(('cat', 'dog'), 1, 'dog')]
    """
    rules = Rules(pixel_rule=pixel_rule, overlap=overlap, priority=tuple(priority))
    labels = LabelMap.from_records([record]) if label_map is None else as_label_map(label_map)
    return Painting(record, labels, rules).conflicts
