"""The rules of a painting: pixel rule, overlap rule, crowds, borders and holes."""

from dataclasses import dataclass

from polymask.errors import InputError, unknown
from polymask.model import Instance, Polygon, Runs
from polymask.raster import pixel_rule_named

OVERLAP_RULES = {
    "last": "the later instance wins, in file or z order",
    "first": "the earlier instance wins",
    "smallest": "the instance with fewer pixels in the frame wins; ties go to the later one",
    "priority": "the label named first in --priority wins; unnamed labels come below, last on top",
    "void": "a pixel that different labels claim becomes void",
    "error": "an image with such a pixel fails",
}
CROWD_RULES = ("keep", "void", "skip")
HOLE_RULES = ("union", "even-odd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How instances become pixels; two runs with equal rules paint equal masks.

    `border` is the half-width, in pixels, of the void ring along instance boundaries.
    `holes` overrides how several rings of an instance combine. Raises `InputError` for
    names that are not in the tables.
    """

    pixel_rule: str = "center"
    overlap: str = "last"
    priority: tuple[str, ...] = ()
    crowd: str = "keep"
    border: int = 0
    holes: str | None = None

    def __post_init__(self) -> None:
        pixel_rule_named(self.pixel_rule)
        _check_rule("overlap rule", self.overlap, tuple(OVERLAP_RULES))
        _check_rule("crowd rule", self.crowd, CROWD_RULES)
        _check_rule("hole rule", self.holes or "union", HOLE_RULES)
        if self.border < 0:
            raise InputError(f"a border is 0 or more pixels wide, not {self.border}")
        if (self.overlap == "priority") != bool(self.priority):
            raise InputError("the overlap rule `priority` and a list of labels (--priority) go together")

    @property
    def makes_void(self) -> bool:
        """Whether they may paint void; what the annotations themselves call void is beside that."""
        return self.border > 0 or self.overlap == "void" or self.crowd == "void"


def _check_rule(kind: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise unknown(kind, name, names)


def with_holes(instance: Instance, rule: str | None) -> tuple[Polygon, ...] | Runs:
    """An instance's shape, with its rings combined by the hole rule; unchanged for None."""
    if rule is None or isinstance(instance.shape, Runs):
        return instance.shape
    rings = [ring for polygon in instance.shape for ring in polygon.rings]
    if rule == "union" or not rings:
        return tuple(Polygon(ring) for ring in rings)
    return (Polygon(rings[0], rings[1:]),)
