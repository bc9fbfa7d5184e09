"""The reading options, which every command that reads annotations takes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from polymask.errors import unknown
from polymask.flag import check_values, option
from polymask.formats import FORMATS, ReadOptions
from polymask.formats.reading.annotation_choice import PREDICTIONS, Choice
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.labels.as_label_map import Labels, as_label_map, as_mask_table, as_stored_map, is_path
from polymask.labels.label_files import names_in
from polymask.labels.label_map import LabelMap
from polymask.limits import LIMITS, Limits
from polymask.storage.remote.urls import Location, Url, listed_once, located


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingOptions(Limits):
    """The options of every command that reads annotations, including those of `Limits`.

    `labels` is a path, a `LabelMap`, a list of names, or {name: value}. Raises `InputError` for values
    of another kind.

    Examples:
        >>> ReadingOptions(only="sea").only
        ('sea',)
    """

    from_: str | None = option(
        "The format of the annotations, if their content does not show it.",
        "read",
        default=None,
        metavar="FORMAT",
        completions=FORMATS,
        dest="both",
    )
    images: str | Location | None = option(
        "The folder or URL of the pictures, if they do not lie beside the annotations.",
        "read",
        default=None,
        metavar="DIR",
        dest="both",
    )
    labels: Labels | None = option(
        "Label map: a labels.txt, labelmap.txt, id2label.json or labels.json. It also names the values of "
        "masks and YOLO's classes.",
        "read",
        default=None,
        metavar="FILE",
    )
    label_attribute: str | None = option(
        "The attribute that holds the label, in VIA files, GeoJSON and maps.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    default_label: str | None = option(
        "The label of instances without one, in VIA, SA-1B, COCO, Datumaro and Label Studio files.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    masks: str | Location | None = option(
        "The folder of mask pictures that annotations name only by an address (Labelbox).",
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
        "The person whose drawing is read, where several drew an image (BSDS, Dataloop).",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    skip_invalid: bool = option(
        "Leave malformed records out, and list them.", "read", default=False, kind="switch", dest="both"
    )
    only: Sequence[str] = option(
        "Take this label only; repeatable.", "read", default=(), metavar="LABEL", repeatable=True, dest="both"
    )
    where: Sequence[str] = option(
        "Take only images whose names match; repeatable.",
        "read",
        default=(),
        metavar="GLOB",
        repeatable=True,
        dest="both",
    )
    split: str | None = option(
        "Take the images of this split only; masks or annotations name it.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    filter: str | Path | None = option(
        "A query (DQL, JSON) that chooses a dataset's items.",
        "read",
        default=None,
        metavar="FILE",
        dest="dataset",
    )
    predictions: str = option(
        "What becomes of Dataloop's annotations that a model made.",
        "read",
        default="skip",
        choices=PREDICTIONS,
        dest="both",
    )
    min_confidence: float | None = option(
        "Leave out predictions of a lower confidence.",
        "read",
        default=None,
        kind="number",
        least=0,
        most=1,
        metavar="F",
        dest="both",
    )
    creator: Sequence[str] = option(
        "Take only Dataloop's annotations by this person; repeatable.",
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
            object.__setattr__(self, "labels", _normalized(self.labels))
        for name in ("images", "masks"):
            if (path := getattr(self, name)) is not None:
                object.__setattr__(self, name, located(path))
        _ = self.choice  # refuses invalid values

    @classmethod
    def of(cls, options: Any, *, limits: Limits | None = None) -> Self:
        """Options by name; `limits` supplies the limits that `options` does not name.

        Raises `InputError` for an unknown name, and suggests the nearest known one.

        Examples:
            >>> ReadingOptions.of({"fro": "coco"})
            Traceback (most recent call last):
            polymask.errors.InputError: no option 'fro'; did you mean 'from_'? There are: ...
        """
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise unknown("option", name, names)
        largest = limits or Limits()
        return cls(**{name: getattr(largest, name) for name in LIMITS} | options)

    @property
    def limits(self) -> Limits:
        """How large the input may be."""
        return Limits(**{name: getattr(self, name) for name in LIMITS})

    @property
    def choice(self) -> Choice:
        """Which of Dataloop's annotations to read."""
        return Choice(
            predictions=self.predictions,
            min_confidence=self.min_confidence,
            creator=self.creator,
            status=self.status,
            annotator=self.annotator,
            annotated_only=self.annotated_only,
        )

    @property
    def reading(self) -> ReadOptions:
        """The options that a format's reader receives."""
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
        """The folder of the mask pictures that annotations name only by an address."""
        return LinkedFiles(located(self.masks), self.limits) if self.masks is not None else None

    @property
    def label_names(self) -> dict[int, str]:
        """The names in `labels` by class number; background and void take one where a file lists them."""
        if self.labels is not None and is_path(self.labels):
            return names_in(self.labels)
        label_map = self.label_map
        names = self.labels if isinstance(self.labels, tuple) else label_map.names if label_map else ()
        return dict(enumerate(names))

    @property
    def pictures(self) -> Location | None:
        """Where the pictures are, if not beside the annotations."""
        assert not isinstance(self.images, str)  # resolved by `__post_init__`
        return self.images

    def with_listed_pictures(self) -> Self:
        """The same options with the pictures' folder listed once, so that a store is not asked again."""
        is_url = isinstance(self.pictures, Url)
        return replace(self, images=listed_once(self.pictures)) if is_url and self.pictures else self

    @property
    def label_map(self) -> LabelMap | None:
        """The label map made of `labels`, for reading; None without `labels`."""
        return as_stored_map(self.labels) if self.labels is not None else None

    def takes_image(self, name: str) -> bool:
        """Whether `where` selects an image of that name."""
        return not self.where or any(fnmatchcase(name, glob) for glob in self.where)

    def taken_labels(self, labels: Iterable[str]) -> frozenset[str]:
        """The labels that `only` selects, by their own names or by the names they are painted as."""
        if not self.only:
            return frozenset(labels)
        painted_as = self.label_map.name_of if self.label_map else str
        return frozenset(name for name in labels if name in self.only or painted_as(name) in self.only)


def _normalized(labels: Labels) -> LabelMap | tuple[str, ...]:
    """The labels as a label map, or as a tuple of names; raises `LabelError` where they make no map."""
    if isinstance(labels, Iterable) and not isinstance(labels, LabelMap | Mapping):
        labels = tuple(labels)
    label_map = as_label_map(labels)
    return labels if isinstance(labels, tuple) else label_map
