"""How annotations are read: the options that every command takes which reads them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Self

from polymask.errors import unknown
from polymask.flag import check_values, option
from polymask.formats import FORMATS, ReadOptions
from polymask.formats.reading.choice import PREDICTIONS, Choice
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.labels.as_label_map import Labels, as_label_map, as_mask_table, is_path
from polymask.labels.label_files import names_in
from polymask.labels.label_map import LabelMap
from polymask.limits import LIMITS, Limits
from polymask.storage.remote.urls import Location, Url, listed_once, located


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions(Limits):
    """What every command that reads annotations may be asked; those of `Limits` are among them.

    `labels` is a path, a `LabelMap`, a list of names, or {name: value}. Raises `InputError` for values
    of another kind.

    >>> ReadingOptions(only="sea").only
    ('sea',)
    """

    from_: str | None = option(
        "The annotations' format, where their content does not tell.",
        "read",
        default=None,
        metavar="FORMAT",
        completions=FORMATS,
        dest="both",
    )
    images: str | Location | None = option(
        "Where the pictures are, if not beside; a folder or a URL.",
        "read",
        default=None,
        metavar="DIR",
        dest="both",
    )
    labels: Labels | None = option(
        "Label map: labels.txt, labelmap.txt, id2label.json, labels.json; names the values of masks and "
        "YOLO's classes too.",
        "read",
        default=None,
        metavar="FILE",
    )
    label_attribute: str | None = option(
        "The attribute that tells the label, in VIA files and maps.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    default_label: str | None = option(
        "The label of what has none, in VIA, SA-1B, COCO and Label Studio files.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    masks: str | Location | None = option(
        "Where mask pictures are that annotations only name by an address (Labelbox).",
        "read",
        default=None,
        metavar="DIR",
        dest="both",
    )
    boxes: bool = option(
        "Paint boxes that have no segmentation as rectangles.",
        "read",
        default=False,
        kind="switch",
        dest="both",
    )
    annotator: str | None = option(
        "Whose drawing is read where several people drew an image (BSDS).",
        "read",
        default=None,
        metavar="NAME",
    )
    skip_invalid: bool = option(
        "Leave malformed records out, and list them.", "read", default=False, kind="switch", dest="both"
    )
    only: Sequence[str] = option(
        "Take this label only; repeatable.", "read", default=(), metavar="LABEL", repeatable=True, dest="both"
    )
    where: Sequence[str] = option(
        "Take images with such names only; repeatable.",
        "read",
        default=(),
        metavar="GLOB",
        repeatable=True,
        dest="both",
    )
    split: str | None = option(
        "Take the images of this split only, as masks or annotations tell it.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    predictions: str = option(
        "What becomes of Dataloop's annotations that a model made.",
        "read",
        default="skip",
        choices=PREDICTIONS,
        dest="both",
    )
    min_confidence: float | None = option(
        "Leave out predictions below it.",
        "read",
        default=None,
        kind="number",
        least=0,
        most=1,
        metavar="F",
        dest="both",
    )
    creator: Sequence[str] = option(
        "Take Dataloop's annotations that they made only; repeatable.",
        "read",
        default=(),
        metavar="NAME",
        repeatable=True,
        dest="both",
    )
    status: Sequence[str] = option(
        "Take Dataloop's annotations of this QA status only: issue, review, approved, none or any; "
        "repeatable.",
        "read",
        default=(),
        metavar="STATUS",
        repeatable=True,
        unset="any; with --delete-source, all but issue",
        dest="both",
    )
    annotated_only: bool = option(
        "Leave out Dataloop's items with nothing to paint.", "read", default=False, kind="switch", dest="both"
    )

    def __post_init__(self) -> None:
        check_values(self)
        if self.labels is not None and not is_path(self.labels):
            object.__setattr__(self, "labels", _kept(self.labels))
        for name in ("images", "masks"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, located(path))
        _ = self.choice  # which refuses values that are none

    @classmethod
    def of(cls, options: Any, *, limits: Limits | None = None) -> Self:
        """Options by name, with `limits` where those are not named themselves.

        Raises `InputError` for a name that there is not, with the nearest that there is.

        >>> ReadingOptions.of({"fro": "coco"})
        Traceback (most recent call last):
        polymask.errors.InputError: no option 'fro'; did you mean 'from_'? There are: ...
        """
        known = [each.name for each in fields(cls)]
        for name in options:
            if name not in known:
                raise unknown("option", name, known)
        largest = limits or Limits()
        return cls(**{name: getattr(largest, name) for name in LIMITS} | options)

    @property
    def limits(self) -> Limits:
        """How large the input may be."""
        return Limits(**{name: getattr(self, name) for name in LIMITS})

    @property
    def choice(self) -> Choice:
        """Which of Dataloop's annotations are taken."""
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
            images=self.pictures,
            label_attribute=self.label_attribute,
            default_label=self.default_label,
            boxes=self.boxes,
            choice=self.choice,
            annotator=self.annotator,
            labels=as_mask_table(self.labels) if self.labels is not None else None,
            label_names=self.label_names,
            masks=self.mask_pictures,
        )

    @property
    def mask_pictures(self) -> LinkedFiles | None:
        """The mask pictures that annotations only name."""
        return LinkedFiles(located(self.masks), self.limits) if self.masks is not None else None

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of `labels`, those of the background and void too where a file tells them in order."""
        if self.labels is not None and is_path(self.labels):
            return names_in(self.labels)
        if isinstance(self.labels, tuple):
            return self.labels
        return self.label_map.names if self.label_map else ()

    @property
    def pictures(self) -> Location | None:
        """Where the pictures are, if not beside the annotations."""
        assert not isinstance(self.images, str)  # which `__post_init__` has resolved
        return self.images

    def with_listed_pictures(self) -> Self:
        """The same options, by which a store is asked once for what lies where the pictures are."""
        is_url = isinstance(self.pictures, Url)
        return replace(self, images=listed_once(self.pictures)) if is_url and self.pictures else self

    @property
    def label_map(self) -> LabelMap | None:
        """The label map that `labels` are, if there is one."""
        return as_label_map(self.labels) if self.labels is not None else None

    def takes_image(self, name: str) -> bool:
        """Whether an image of that name was asked for."""
        return not self.where or any(fnmatchcase(name, glob) for glob in self.where)

    def taken_labels(self, labels: Iterable[str]) -> frozenset[str]:
        """Which of some labels were asked for, by their own names or by those that they are painted as."""
        if not self.only:
            return frozenset(labels)
        painted_as = self.label_map.name_of if self.label_map else str
        return frozenset(name for name in labels if name in self.only or painted_as(name) in self.only)


def _kept(labels: Labels) -> LabelMap | tuple[str, ...]:
    """The labels as a map, but names in their order; raises `LabelError` for what makes no map."""
    if isinstance(labels, Iterable) and not isinstance(labels, LabelMap | Mapping):
        labels = tuple(labels)
    label_map = as_label_map(labels)
    return labels if isinstance(labels, tuple) else label_map
