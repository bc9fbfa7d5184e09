"""The selected annotations: those of the images and labels that the options name."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from polymask.errors import InputError, naming, no_such_label
from polymask.formats import Annotations, annotations_at
from polymask.formats.drawing.shares import in_pixels
from polymask.formats.options import ReadingOptions
from polymask.formats.platforms import platform_of, refuse_without_effect
from polymask.formats.reading.images.splits import images_in_split, splits_of_annotations
from polymask.labels.as_label_map import Labels
from polymask.ledger import Ledger
from polymask.limits import Limits
from polymask.model import ImageRecord
from polymask.option_types import ReadingOptionsDict
from polymask.storage.remote.urls import Location, located
from polymask.storage.source_files import Tree


def open_chosen(path: str | Location, options: ReadingOptions) -> Annotations:
    """The annotations at a path, restricted to the images and labels that `options` select.

    Raises as `open_annotations` does; `InputError` where `where` matches no image, and `LabelError`
    where `only` names an unknown label.
    """
    place = located(path)
    refuse_without_effect([place], options)
    return chosen_annotations_at(place, options)


def chosen_annotations_at(
    path: Location, options: ReadingOptions, *, tree: Tree | None = None
) -> Annotations:
    """`open_chosen` for a resolved location; `tree` is its file listing, if the caller has one."""
    if platform := platform_of(path):
        annotations = platform.dataset_annotations(str(path), options)
    else:
        annotations = annotations_at(path, format=options.from_, options=options.reading, tree=tree)
    is_chosen = options.where or options.only or options.split is not None
    return chosen(annotations, options) if is_chosen else annotations


def chosen(annotations: Annotations, options: ReadingOptions) -> Annotations:
    """The annotations restricted to the images and labels that `options` select."""
    with naming(annotations.path):
        indices = _indices_in_split(annotations, options.split)
        names = [annotations.names[index] for index in indices]
        indices = [index for index in indices if options.takes_image(annotations.names[index])]
        refuse_no_image(indices, names, options.where)
        refuse_unknown_labels(annotations, options)
    named = replace(
        annotations,
        unsupported=tuple(s for s in annotations.unsupported if options.takes_image(s.name)),
        unchosen=tuple(s for s in annotations.unchosen if options.takes_image(s.name)),
    )
    return limited(named, indices, labels=options.taken_labels(_labels_of(annotations)))


def _indices_in_split(annotations: Annotations, split: str | None) -> Sequence[int]:
    """The indices of the images of a split; of all images for None."""
    if split is None:
        return range(len(annotations.names))
    return sorted(images_in_split(splits_of_annotations(annotations), split))


def _labels_of(annotations: Annotations) -> set[str]:
    return {*annotations.used, *(name for name, _ in annotations.categories)}


def limited(
    annotations: Annotations, indices: Sequence[int], *, labels: Collection[str] | None = None
) -> Annotations:
    """Annotations of some images, and of some labels; of all labels for None."""
    labels = _labels_of(annotations) if labels is None else labels
    picture, original, file_of = annotations.picture, annotations.original, annotations.picture_file
    unsized = set(annotations.sized_by_pictures)
    unchosen_names = set(annotations.names) - {annotations.names[index] for index in indices}

    def decode(index: int) -> ImageRecord:
        record = annotations.decode(indices[index])
        instances = tuple(entry for entry in record.instances if entry.label in labels)
        return record if len(instances) == len(record.instances) else replace(record, instances=instances)

    return replace(
        annotations,
        names=[annotations.names[index] for index in indices],
        source_names=[annotations.source_names[index] for index in indices if annotations.source_names],
        groups=[annotations.groups[index] for index in indices if annotations.groups],
        decode=decode,
        used={label: count for label, count in annotations.used.items() if label in labels},
        categories=tuple(entry for entry in annotations.categories if entry[0] in labels),
        ledger=_part_of_ledger(annotations.ledger, indices),
        unsupported=tuple(entry for entry in annotations.unsupported if entry.name not in unchosen_names),
        unchosen=tuple(entry for entry in annotations.unchosen if entry.name not in unchosen_names),
        findings=tuple(entry for entry in annotations.findings if entry.image not in unchosen_names),
        picture=picture and (lambda index: picture(indices[index])),
        picture_file=lambda index: file_of(indices[index]),
        subsets=[annotations.subsets[index] for index in indices if annotations.subsets],
        sized_by_pictures=[position for position, index in enumerate(indices) if index in unsized],
        original=original and (lambda index: original(indices[index])),
        without=None,
        table=None,
        table_of=None,
    )


def refuse_no_image(indices: Sequence[object], names: Sequence[str], where: Sequence[str]) -> None:
    """Raise `InputError` where `--where` matches no image."""
    if where and not indices:
        raise InputError(
            f"--where {' --where '.join(where)} matches none of {len(names)} images",
            advice=f"images are called as {names[0]!r} is" if names else None,
        )


def refuse_unknown_labels(annotations: Annotations, options: ReadingOptions) -> None:
    """Raise `LabelError` where `--only` names a label that neither annotations nor label map have."""
    names = _labels_of(annotations)
    for name in options.only:
        if name not in names and name not in (options.label_map or ()):
            raise no_such_label(name, sorted(names))


def _part_of_ledger(ledger: Ledger | None, indices: Sequence[int]) -> Ledger | None:
    """The part of a ledger that concerns the images at `indices`."""
    if ledger is None:
        return None
    part = Ledger()
    for index in indices:
        part.add_image(
            declared=ledger.declared_of(index),
            instances=ledger.instance_counts[index],
            joined=ledger.joined_counts.get(index, 0),
            left_out={reason: images[index] for reason, images in ledger.left_out.items() if index in images},
        )
    return part


def read(
    path: str | Path,
    *,
    format: str | None = None,
    labels: Labels | None = None,
    split: str | None = None,
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Iterator[ImageRecord]:
    """The image records of an annotation file, one after another.

    `labels` names classes that the source only numbers; `split` takes the images of that split only;
    `reading` holds further reading options, for example `images`, `only` and `where`. The whole file is
    checked before the first record is yielded. `record.picture()` reads the picture, if there is one.
    Raises `FormatError` with the file and the JSON path of the fault.

    Examples:
        >>> for record in read("fixtures/shapes/instances.json"):
        ...     print(record.name, record.frame, len(record.instances))
        harbor.png (120, 160) 6
        meadow.png (120, 160) 5
        empty.png (120, 160) 0
    """
    named = {"from_": format, "labels": labels, "split": split}
    options = ReadingOptions.of({**named, **reading}, limits=limits)
    annotations = in_pixels(open_chosen(path, options))
    for index, record in enumerate(annotations):
        yield replace(record, picture=RecordPicture(annotations, index))


class RecordPicture:
    """The bytes of a record's picture, looked for when they are asked for; None where there is none.

    Pickled, it is one of no picture: records go to other processes without their source.
    """

    def __init__(self, annotations: Annotations | None = None, index: int = 0) -> None:
        self.annotations, self.index = annotations, index

    def __call__(self) -> bytes | None:
        """The bytes of the picture's file."""
        if self.annotations is None:
            return None
        if self.annotations.picture is not None:
            return self.annotations.picture(self.index)
        file = self.annotations.picture_file(self.index)
        return file.read() if file else None

    def __reduce__(self) -> tuple[type["RecordPicture"], tuple[()]]:
        return RecordPicture, ()
