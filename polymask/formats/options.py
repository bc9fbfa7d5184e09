"""How annotations are read: the options that every command takes which reads them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self, Unpack

from polymask.errors import InputError, unknown
from polymask.flag import check_values, option
from polymask.formats import FORMATS, Annotations, ReadOptions, annotations_at
from polymask.formats.reading.choice import PREDICTIONS, Choice
from polymask.labels.as_label_map import Labels, as_label_map, is_path
from polymask.labels.label_map import LabelMap, unknown_label
from polymask.ledger import Ledger
from polymask.limits import LIMITS, Limits
from polymask.model import ImageRecord
from polymask.option_types import ReadingOptionsDict
from polymask.storage.source_files import Tree
from polymask.storage.urls import Location, Url, listed_once, located


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
        "Label map: labels.txt, labelmap.txt, id2label.json, labels.json; names the values of masks too.",
        "read",
        default=None,
        metavar="FILE",
    )
    label_attribute: str | None = option(
        "The region attribute that tells the label, in VIA files.",
        "read",
        default=None,
        metavar="NAME",
        dest="both",
    )
    default_label: str | None = option(
        "The label of regions that have none, in VIA and SA-1B files.",
        "read",
        default=None,
        metavar="NAME",
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
            object.__setattr__(self, "labels", as_label_map(self.labels))
        if self.images is not None:
            object.__setattr__(self, "images", located(self.images))
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
        )

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


def open_chosen(path: str | Location, options: ReadingOptions) -> Annotations:
    """The annotations at a path, of the images and labels that `options` ask for.

    Raises as `open_annotations` does; `InputError` where `where` matches no image, and `LabelError`
    where `only` names a label that is not there.
    """
    return chosen_annotations_at(located(path), options)


def chosen_annotations_at(
    path: Location, options: ReadingOptions, *, tree: Tree | None = None
) -> Annotations:
    """As `open_chosen`, at a place that has been resolved, and whose `tree` may have been looked at."""
    annotations = annotations_at(path, format=options.from_, options=options.reading, tree=tree)
    return chosen(annotations, options) if options.where or options.only else annotations


def chosen(annotations: Annotations, options: ReadingOptions) -> Annotations:
    """Annotations of the images and labels that are asked for."""
    indices = [i for i, name in enumerate(annotations.names) if options.takes_image(name)]
    refuse_no_image(indices, annotations.names, options.where)
    refuse_unknown_labels(annotations, options)
    labels = options.taken_labels({*annotations.used, *(name for name, _ in annotations.categories)})
    picture, original, file_of = annotations.picture, annotations.original, annotations.picture_file
    sized = set(annotations.sized_by_pictures)
    records = {annotations.names[index] for index in indices}

    def decode(index: int) -> ImageRecord:
        record = annotations.decode(indices[index])
        taken = tuple(each for each in record.instances if each.label in labels)
        return record if len(taken) == len(record.instances) else replace(record, instances=taken)

    return replace(
        annotations,
        names=[annotations.names[index] for index in indices],
        decode=decode,
        used={label: count for label, count in annotations.used.items() if label in labels},
        categories=tuple(each for each in annotations.categories if each[0] in labels),
        ledger=_of_images(annotations.ledger, indices),
        unsupported=tuple(each for each in annotations.unsupported if options.takes_image(each.name)),
        unchosen=tuple(each for each in annotations.unchosen if options.takes_image(each.name)),
        findings=tuple(each for each in annotations.findings if not each.image or each.image in records),
        picture=picture and (lambda index: picture(indices[index])),
        picture_file=lambda index: file_of(indices[index]),
        sized_by_pictures=[at for at, index in enumerate(indices) if index in sized],
        original=original and (lambda index: original(indices[index])),
        without=None,
        table=None,
    )


def refuse_no_image(taken: Sequence[object], names: Sequence[str], where: Sequence[str]) -> None:
    """Raise `InputError` where names are asked for that no image has."""
    if where and not taken:
        raise InputError(f"--where {' --where '.join(where)} matches none of {len(names)} images")


def refuse_unknown_labels(annotations: Annotations, options: ReadingOptions) -> None:
    """Raise `LabelError` where a label is asked for that neither annotations nor label map have."""
    known = {*annotations.used, *(name for name, _ in annotations.categories)}
    for name in options.only:
        if name not in known and name not in (options.label_map or ()):
            raise unknown_label(name, sorted(known))


def _of_images(ledger: Ledger | None, indices: Sequence[int]) -> Ledger | None:
    """What becomes of the annotations of some images."""
    if ledger is None:
        return None
    part = Ledger()
    for index in indices:
        part.add_image(
            declared=ledger.declared_of(index),
            instances=ledger.of_image[index],
            joined=ledger.joined_in.get(index, 0),
            left_out={reason: images[index] for reason, images in ledger.left_out.items() if index in images},
        )
    return part


def read(
    path: str | Path,
    *,
    format: str | None = None,
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Iterator[ImageRecord]:
    """The image records of an annotation file, one after another.

    `reading` are the options of reading, e.g. `images`, `only` and `where`. The whole file is checked
    before the first record comes. Raises `FormatError` naming the file and the JSON path of what is
    wrong.

    >>> for record in read("fixtures/shapes/instances.json"):
    ...     print(record.name, record.frame, len(record.instances))
    harbor.png (120, 160) 6
    meadow.png (120, 160) 5
    empty.png (120, 160) 0
    """
    options = ReadingOptions.of({"from_": format, **reading}, limits=limits)
    yield from open_chosen(path, options)
