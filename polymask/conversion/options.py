"""What a conversion may be asked: the flags of `polymask convert`, as one value."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from polymask.errors import InputError, unknown
from polymask.formats import ReadOptions
from polymask.formats.reading.choice import Choice
from polymask.limits import LIMITS, Limits
from polymask.model import Frame
from polymask.painting.painting import Rules
from polymask.parallel.shards import Shard
from polymask.storage.urls import located
from polymask.validation import as_frame, as_names, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertOptions(Limits):
    """The flags of `polymask convert`, with underscores; `from_` is `--from`.

    Those of `Limits` are among them. `size` is (height, width) in pixels. `only` and `where`
    choose labels and images, `creator` and `status` a dataset's annotations; one text is one of
    them. `shard` is one part of several, as "2/4". Whole numbers may be numpy's. Raises
    `InputError` for values of another kind.

    >>> ConvertOptions(only="sea", size=[60, 80]).only
    ('sea',)
    """

    from_: str | None = None
    to: str = "index"
    images: str | Path | None = None
    labels: str | Path | None = None
    ids: str = "contiguous"
    only: Sequence[str] = ()
    where: Sequence[str] = ()
    shard: Shard | str | None = None
    overlap: str = "last"
    priority: Sequence[str] = ()
    max_conflict: float | None = None
    pixel_rule: str = "center"
    holes: str | None = None
    crowd: str = "keep"
    border: int = 0
    instances: bool = False
    stuff: Sequence[str] = ()
    size: Frame | None = None
    split: str = "train"
    split_ratio: str | Sequence[float] | None = None
    seed: int = 0
    copy_images: bool = False
    skip_invalid: bool = False
    label_attribute: str | None = None
    default_label: str | None = None
    boxes: bool = False
    annotator: str | None = None
    workers: int = 1
    scheduler: str | None = None
    palette: str = "safe"
    overwrite: bool = False
    dry_run: bool = False
    delete_source: bool = False
    max_delete: int | None = None
    filter: str | Path | None = None
    journal: str | Path | None = None
    check_images: bool = False
    predictions: str = "skip"
    min_confidence: float | None = None
    creator: Sequence[str] = ()
    status: Sequence[str] = ()
    annotated_only: bool = False
    add_labels: bool = False

    def __post_init__(self) -> None:
        for name in ("to", "ids", "overlap", "pixel_rule", "crowd", "split"):
            if not isinstance(given := getattr(self, name), str):
                raise InputError(f"{name} is the name of one, not {given!r}")
        for name in ("only", "where", "priority", "stuff", "creator", "status"):
            object.__setattr__(self, name, as_names(name, getattr(self, name)))
        for name, least in _LEAST.items():
            object.__setattr__(self, name, _number(name, getattr(self, name), least))
        if self.max_delete is not None:
            object.__setattr__(self, "max_delete", _number("max_delete", self.max_delete, 0))
        if self.shard is not None:
            object.__setattr__(self, "shard", Shard.parse(self.shard))
        if self.size is not None:
            object.__setattr__(self, "size", as_frame(self.size, where="size: "))
        if not isinstance(self.split_ratio, str | None):
            object.__setattr__(self, "split_ratio", tuple(float(share) for share in self.split_ratio))
        _ = self.choice  # which refuses values that are none

    @property
    def limits(self) -> Limits:
        """How large the input may be."""
        return Limits(**{name: getattr(self, name) for name in LIMITS})

    @property
    def part(self) -> Shard | None:
        """The one part of the images that is wanted, or None for all."""
        return Shard.parse(self.shard) if self.shard is not None else None

    @property
    def choice(self) -> Choice:
        """Which of a dataset's annotations are taken."""
        return Choice(
            predictions=self.predictions,
            min_confidence=self.min_confidence,
            creator=self.creator,
            status=self.status,
            annotated_only=self.annotated_only,
        )

    @property
    def reading(self) -> ReadOptions:
        """The part that a reader of annotations is asked."""
        return ReadOptions(
            limits=self.limits,
            skip_invalid=self.skip_invalid,
            images=located(self.images) if self.images is not None else None,
            label_attribute=self.label_attribute,
            default_label=self.default_label,
            boxes=self.boxes,
            choice=self.choice,
            annotator=self.annotator,
        )

    def rules(self) -> Rules:
        """The part that decides which pixels are painted."""
        return Rules(
            pixel_rule=self.pixel_rule,
            overlap=self.overlap,
            priority=tuple(self.priority),
            crowd=self.crowd,
            border=self.border,
            holes=self.holes,
        )


_LEAST = {"border": 0, "seed": None, "workers": 1, **dict.fromkeys(LIMITS, 1)}


def _number(name: str, given: Any, least: int | None) -> int:
    number = whole(given)
    if number is None or (least is not None and number < least):
        above = "" if least is None else f", {least} or more"
        raise InputError(f"{name} is a whole number{above}, not {given!r}")
    return number


def chosen_options(given: dict[str, Any]) -> ConvertOptions:
    """Options by name; raises `InputError` for a name that there is not, with the nearest that there is.

    >>> chosen_options({"overlaps": "first"})
    Traceback (most recent call last):
    polymask.errors.InputError: no option 'overlaps'; did you mean 'overlap'? There are: ...
    """
    known = [f.name for f in fields(ConvertOptions)]
    for name in given:
        if name not in known:
            raise InputError(unknown("option", name, known))
    return ConvertOptions(**given)
