"""The data that travels between the rooms: frozen, slotted, with no behaviour of its own.

Coordinates are x then y, in pixels; pixel (0, 0) covers [0, 1) × [0, 1). Frames
are (height, width). Arrays held here are read-only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polymask.errors import GeometryError, LimitError

Frame = tuple[int, int]
Ring = NDArray[np.float64]
BoolMask = NDArray[np.bool_]
IndexMask = NDArray[np.unsignedinteger[Any]]


def as_ring(points: ArrayLike) -> Ring:
    """The points as a read-only (N, 2) float64 array, x then y, implicitly closed.

    Raises `GeometryError` for another shape or a coordinate that is not finite.

    >>> as_ring([(0, 0), (4, 0), (4, 3)]).shape
    (3, 2)
    """
    try:
        ring = np.array(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise GeometryError(f"a ring is a list of (x, y) pairs: {error}") from None
    if ring.size == 0:
        ring = ring.reshape(0, 2)
    if ring.ndim != 2 or ring.shape[1] != 2:
        raise GeometryError(f"a ring is a list of (x, y) pairs, not an array of shape {ring.shape}")
    if not np.isfinite(ring).all():
        raise GeometryError("a ring's coordinates must be finite numbers")
    ring.flags.writeable = False
    return ring


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """One exterior ring and its holes, each (N, 2) float64, x then y, implicitly closed.

    The rings are filled even-odd together, so a hole's winding does not matter.
    Raises `GeometryError` for rings of another shape or with NaN or infinity.

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
        """The polygon of a ring that is known to be read-only, (N, 2), float64 and finite."""
        polygon = cls.__new__(cls)
        object.__setattr__(polygon, "exterior", exterior)
        object.__setattr__(polygon, "holes", ())
        return polygon

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The exterior, then the holes."""
        return (self.exterior, *self.holes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Polygon) or len(self.rings) != len(other.rings):
            return NotImplemented if not isinstance(other, Polygon) else False
        return all(map(np.array_equal, self.rings, other.rings))

    def __hash__(self) -> int:
        return hash(tuple(ring.tobytes() for ring in self.rings))


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """A COCO run-length encoding: how many pixels off, on, off … down the columns of a frame.

    `counts` is an int64 array whose sum is height × width. Raises `GeometryError`
    where it is not, or where a count is negative.
    Source: pycocotools, `maskApi.h` (column-major order, first count is of zeros).

    >>> Runs([2, 2, 12], (4, 4)).counts.tolist()
    [2, 2, 12]
    >>> Runs([2, 2], (4, 4))
    Traceback (most recent call last):
    polymask.errors.GeometryError: run counts sum to 4, but 4 × 4 pixels are 16
    """

    counts: NDArray[np.int64]
    frame: Frame

    def __init__(self, counts: ArrayLike, frame: Frame) -> None:
        given = np.asarray(counts)
        height, width = frame
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu") or (given < 0).any():
            raise GeometryError("run counts are a list of non-negative whole numbers")
        array = given.astype(np.int64)
        if (total := sum(array.tolist())) != height * width:
            pixels = height * width
            raise GeometryError(f"run counts sum to {total}, but {height} × {width} pixels are {pixels}")
        array.flags.writeable = False
        object.__setattr__(self, "counts", array)
        object.__setattr__(self, "frame", (height, width))

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

    `id` is the source's own; it need not be unique. `shape` may be given as one
    polygon. `crowd` marks a region of many objects (COCO's `iscrowd`).

    >>> Instance(7, "cat", Polygon([(0, 0), (4, 0), (4, 4)])).shape[0].exterior.shape
    (3, 2)
    """

    id: int | str
    label: str
    shape: Shape
    order: float = 0
    crowd: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.shape, Polygon):
            object.__setattr__(self, "shape", (self.shape,))
        elif not isinstance(self.shape, Runs):
            object.__setattr__(self, "shape", tuple(self.shape))


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image's annotations: `name` as the source has it, `frame` (height, width) in pixels.

    `etag` changes whenever the source's record does.

    >>> ImageRecord(1, "a.jpg", (2, 3), ()).frame
    (2, 3)
    """

    id: int | str
    name: str
    frame: Frame
    instances: tuple[Instance, ...] = ()
    etag: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "instances", tuple(self.instances))
        height, width = self.frame
        if height <= 0 or width <= 0:
            raise GeometryError(f"{self.name}: a frame of {height} × {width} has no pixels")

    def _repr_html_(self) -> str:
        """A drawing of the instances, as notebooks show it."""
        from polymask.notebook import record_html  # floors above, and only in a notebook

        return record_html(self)


@dataclass(frozen=True, slots=True)
class Label:
    """A class name, its pixel value and its color (red, green, blue), 0 to 255 each.

    >>> Label("cat", 1, (128, 0, 0)).name
    'cat'
    """

    name: str
    value: int
    color: tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The pixels of an instance as (row, start, stop) triples, half-open, sorted, not touching.

    Three int32 arrays of one length.

    >>> spans = Spans(np.array([0, 1]), np.array([2, 2]), np.array([5, 4]))
    >>> spans.pixels
    5
    """

    row: NDArray[np.int32]
    start: NDArray[np.int32]
    stop: NDArray[np.int32]

    @property
    def pixels(self) -> int:
        """How many pixels they cover."""
        return int(self.stop.sum(dtype=np.int64) - self.start.sum(dtype=np.int64))

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, eq=False)
class LabelMask:
    """The (height, width) bool mask of one label, and the ids of the instances it is the union of."""

    label: str
    mask: BoolMask
    sources: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Pixels that two different labels claim.

    `winner` is the label that owns most of them, or None where they became void
    or where each label keeps its own mask. `won` tells each owner's share, in pixels.

    >>> Conflict(("cat", "dog"), 4, "dog", {"dog": 4}).winner
    'dog'
    """

    labels: tuple[str, str]
    pixels: int
    winner: str | None
    won: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that was left out on purpose: which image or annotation, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about an annotation, found by `check`.

    >>> Finding("zero-area", "a.jpg", 7, "the ring encloses nothing").kind
    'zero-area'
    """

    kind: str
    image: str
    instance: int | str | None
    message: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an input may be before it is refused, so that memory is never taken on trust.

    `max_pixels` is height × width of one frame.

    >>> Limits().max_pixels == 2**30
    True
    """

    max_pixels: int = 2**30

    def check_frame(self, where: str, frame: Frame) -> None:
        """Raise `LimitError` for a (height, width) frame that is too large."""
        if frame[0] * frame[1] > self.max_pixels:
            raise LimitError(
                f"{where}: {frame[0]} × {frame[1]} px are more than {self.max_pixels}; "
                "if that is right, raise --max-pixels"
            )


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence, read back from the sink, that a mask is stored: its key, the digest of its
    decoded pixels, and where it lies."""

    key: str
    digest: str
    location: str


@dataclass(slots=True)
class Report:
    """What a run did; `to_dict` is what `--json` prints.

    `exit_code` is that of the worst failure, where failures differ in kind.
    `labels` maps each label to its instances and painted pixels; `conflicts` are
    summed over the images; `skipped` was left out on purpose, `unsupported` cannot be painted
    and was left alone, `failures` could not be done.
    """

    images: int = 0
    instances: int = 0
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    conflicts: Sequence[Conflict] = ()
    conflict_pixels: int = 0
    labeled_pixels: int = 0
    unsegmented: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    unsupported: list[Skipped] = field(default_factory=list)
    failures: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    written: int = 0
    unchanged: int = 0
    deleted: int = 0
    exit_code: int = 0
    seconds: float = 0.0
    kernel: str = "numpy"

    @property
    def failed(self) -> int:
        """How many images could not be done."""
        return len(self.failures)

    @property
    def conflict_percent(self) -> float:
        """The pixels that several labels claim, in percent of those that any label claims."""
        return 100 * self.conflict_pixels / self.labeled_pixels if self.labeled_pixels else 0.0

    def _repr_html_(self) -> str:
        """Tables of labels and conflicts, as notebooks show them."""
        from polymask.notebook import report_html  # floors above, and only in a notebook

        return report_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, dicts, numbers and strings, in a fixed order."""
        return {
            "images": self.images,
            "instances": self.instances,
            "labels": self.labels,
            "conflicts": [_plain(conflict) for conflict in self.conflicts],
            "conflict_pixels": self.conflict_pixels,
            "labeled_pixels": self.labeled_pixels,
            "unsegmented": self.unsegmented,
            "skipped": [_plain(skipped) for skipped in self.skipped],
            "unsupported": [_plain(one) for one in self.unsupported],
            "failed": self.failed,
            "failures": [_plain(failure) for failure in self.failures],
            "notes": self.notes,
            "written": self.written,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "seconds": round(self.seconds, 3),
            "kernel": self.kernel,
        }


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
