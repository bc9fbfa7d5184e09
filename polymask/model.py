"""The data that modules exchange: frozen, slotted, without behaviour.

Coordinates are x then y, in pixels; pixel (0, 0) covers [0, 1) × [0, 1). Frames
are (height, width). Arrays in these objects are read-only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.errors import GeometryError, LabelError
from polymask.validation import Color, as_color, as_frame, as_ring, as_value, is_text

Frame = tuple[int, int]
Window = tuple[int, int, int, int]  # a part of a frame in pixels: row, column, height, width
Ring = NDArray[np.float64]
BoolMask = NDArray[np.bool_]
IndexMask = NDArray[np.unsignedinteger[Any]]


def _exchange(name: str) -> Any:
    """What makes GeoJSON of geometry: a floor above, and only where it is asked for."""
    return import_module(f"polymask.raster.exchange.{name}")


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One exterior ring and its holes, each (N, 2) float64, x then y, implicitly closed.

    The rings are filled even-odd together, so a hole's winding does not matter.
    Raises `GeometryError` for rings of another shape or with NaN or infinity.

    Examples:
        >>> square = Polygon([(0, 0), (4, 0), (4, 4), (0, 4)], holes=[[(1, 1), (3, 1), (3, 3), (1, 3)]])
        >>> len(square.rings)
        2
        >>> square == Polygon(square.exterior, square.holes)
        True
    """

    exterior: Ring
    holes: tuple[Ring, ...]

    def __init__(self, exterior: ArrayLike, holes: Iterable[ArrayLike] = ()) -> None:
        object.__setattr__(self, "exterior", as_ring(exterior))
        object.__setattr__(self, "holes", tuple(as_ring(hole) for hole in holes))

    @classmethod
    def trusted(cls, exterior: Ring) -> "Polygon":
        """The polygon of a ring that is read-only, (N, 2), float64 and finite; this is not checked."""
        polygon = cls.__new__(cls)
        object.__setattr__(polygon, "exterior", exterior)
        object.__setattr__(polygon, "holes", ())
        return polygon

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The exterior, then the holes."""
        return (self.exterior, *self.holes)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """Its GeoJSON geometry, with which shapely, geopandas and the like take it."""
        return dict(_exchange("geojson").geometry_of([self]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygon) or len(self.rings) != len(other.rings):
            return NotImplemented if not isinstance(other, Polygon) else False
        return all(map(np.array_equal, self.rings, other.rings))

    def __hash__(self) -> int:
        return hash(tuple(ring.tobytes() for ring in self.rings))


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """A COCO run-length encoding: the numbers of pixels off, on, off … down the columns of a frame.

    `counts` is an int64 array whose sum is height × width; `cut` is how many pixels of the bitmap that the
    runs were made of lay outside the frame, and plays no part in comparisons. Raises `GeometryError` for
    another sum, and for a negative count.
    Source: pycocotools, `maskApi.h` (column-major order, first count is of zeros).

    Examples:
        >>> Runs([2, 2, 12], (4, 4)).counts.tolist()
        [2, 2, 12]
        >>> Runs([2, 2], (4, 4))
        Traceback (most recent call last):
        polymask.errors.GeometryError: run counts sum to 4, but 4 × 4 pixels are 16
    """

    counts: NDArray[np.int64]
    frame: Frame
    cut: int = field(default=0, repr=False)

    def __init__(self, counts: ArrayLike, frame: Frame, *, cut: int = 0) -> None:
        numbers = np.asarray(counts)
        height, width = as_frame(frame)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise GeometryError("run counts are a list of non-negative whole numbers")
        array = numbers.astype(np.int64)
        if (array < 0).any():  # uint64 counts above 2**63 - 1 turn negative too
            raise GeometryError("run counts are non-negative whole numbers below 2**63")
        if (total := sum(array.tolist())) != (pixels := height * width):
            raise GeometryError(f"run counts sum to {total}, but {height} × {width} pixels are {pixels}")
        array.flags.writeable = False
        object.__setattr__(self, "counts", array)
        object.__setattr__(self, "frame", (height, width))
        object.__setattr__(self, "cut", cut)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Runs):
            return NotImplemented
        return self.frame == other.frame and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.frame, self.counts.tobytes()))


Shape = tuple[Polygon, ...] | Runs


@dataclass(frozen=True, slots=True)
class Instance:
    """One annotated object: its polygons (their union) or its runs, a label and a paint order.

    `id` comes from the source, and need not be unique. `shape` may be passed as a single
    polygon. `crowd` marks a region of many objects (COCO's `iscrowd`).

    Examples:
        >>> Instance(7, "cat", Polygon([(0, 0), (4, 0), (4, 4)])).shape[0].exterior.shape
        (3, 2)
    """

    id: int | str
    label: str
    shape: Shape
    order: float = 0
    crowd: bool = False

    if TYPE_CHECKING:  # what may be handed in

        def __init__(
            self, id: int | str, label: str,  # noqa: A002
            shape: Polygon | Iterable[Polygon] | Runs, order: float = 0, crowd: bool = False,  # noqa: FBT001, FBT002
        ) -> None: ...  # fmt: skip

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The GeoJSON geometry of its shape; of runs, that around their pixels."""
        return dict(_exchange("geojson").geometry_of(_exchange("outlines").polygons_of(self.shape)))

    def __post_init__(self) -> None:
        if isinstance(self.shape, Polygon):
            object.__setattr__(self, "shape", (self.shape,))
        elif not isinstance(self.shape, Runs):
            object.__setattr__(self, "shape", tuple(self.shape))


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image's annotations: `name` as in the source, `frame` (height, width) in pixels.

    `etag` changes whenever the source's record does. `picture`, if the reader knows it, is a function
    that gives the bytes of the image's file, or None; it is neither compared nor pickled with the record.

    Examples:
        >>> ImageRecord(1, "a.jpg", (2, 3), ()).frame
        (2, 3)
    """

    id: int | str
    name: str
    frame: Frame
    instances: tuple[Instance, ...] = ()
    etag: str = ""
    picture: Callable[[], bytes | None] | None = field(default=None, compare=False, repr=False)

    if TYPE_CHECKING:  # what may be handed in

        def __init__(
            self, id: int | str, name: str, frame: Frame,  # noqa: A002
            instances: Iterable[Instance] = (), etag: str = "", picture: Callable[[], bytes | None] | None = None,  # noqa: E501
        ) -> None: ...  # fmt: skip

    def __post_init__(self) -> None:
        object.__setattr__(self, "instances", tuple(self.instances))
        object.__setattr__(self, "frame", as_frame(self.frame, prefix=f"{self.name}: "))

    def _repr_html_(self) -> str:
        """A drawing of the instances over the picture, for notebooks."""
        notebook = import_module("polymask.report.notebook")  # a higher layer, imported only in notebooks
        return str(notebook.record_html(self))

    def _repr_png_(self) -> bytes:
        """The mask over the picture, for what shows no HTML."""
        return bytes(import_module("polymask.report.notebook").record_png(self))


@dataclass(frozen=True, slots=True)
class Label:
    """A class name, its pixel value (0 to 65535) and its color (red, green, blue), 0 to 255 each.

    Raises `LabelError` for other types and ranges.

    Examples:
        >>> Label("cat", 1, (128, 0, 0)).name
        'cat'
    """

    name: str
    value: int
    color: Color

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise LabelError(f"a label is a text, not {self.name!r}")
        if not self.name.isascii() and not is_text(self.name):
            raise LabelError(
                f"label {self.name!r} holds half a character, which no file can", advice="rename it"
            )
        object.__setattr__(self, "value", as_value(f"label '{self.name}'", self.value))
        object.__setattr__(self, "color", as_color(f"label '{self.name}'", self.color))


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The pixels of an instance as (row, start, stop) triples, half-open, sorted, not touching.

    `row`, `start` and `stop` are int32 arrays of the same length.

    Examples:
        >>> spans = Spans(np.array([0, 1]), np.array([2, 2]), np.array([5, 4]))
        >>> spans.pixels
        5
    """

    row: NDArray[np.int32]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]

    @property
    def pixels(self) -> int:
        """The number of pixels that the spans cover."""
        return int(self.stop.sum(dtype=np.int64) - self.start.sum(dtype=np.int64))

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The GeoJSON geometry around their pixels: rasterized, it is the same pixels again."""
        return dict(_exchange("geojson").geometry_of(_exchange("outlines").polygons_around(self)))

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Pixels that two different labels claim.

    `winner` is the label that owns most of them, or None where they became void
    or where each label has its own mask. `won` is the share of each owner, in pixels.

    Examples:
        >>> Conflict(("cat", "dog"), 4, "dog", {"dog": 4}).winner
        'dog'
    """

    labels: tuple[str, str]
    pixels: int
    winner: str | None
    won: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """An image or annotation that was left out; `image` and `annotation` identify a refused record."""

    name: str
    reason: str
    image: str = field(default="", compare=False)  # only to find the record; not part of its identity
    annotation: int | str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """An oddity of an annotation, reported by `check`.

    Examples:
        >>> Finding("zero-area", "a.jpg", 7, "the ring encloses nothing").kind
        'zero-area'
    """

    kind: str
    image: str
    instance: int | str | None
    message: str
