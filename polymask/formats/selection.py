"""The annotations that were asked for: of some images, of some labels."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from polymask.errors import InputError, naming, no_such_label
from polymask.formats import Annotations, annotations_at
from polymask.formats.options import ReadingOptions
from polymask.labels.as_label_map import Labels
from polymask.ledger import Ledger
from polymask.limits import Limits
from polymask.model import ImageRecord
from polymask.option_types import ReadingOptionsDict
from polymask.storage.remote.urls import Location, located
from polymask.storage.source_files import Tree


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
    with naming(annotations.path):
        refuse_no_image(indices, annotations.names, options.where)
        refuse_unknown_labels(annotations, options)
    labels = options.taken_labels({*annotations.used, *(name for name, _ in annotations.categories)})
    picture, original, file_of = annotations.picture, annotations.original, annotations.picture_file
    sized = set(annotations.sized_by_pictures)
    others = set(annotations.names) - {annotations.names[index] for index in indices}

    def decode(index: int) -> ImageRecord:
        record = annotations.decode(indices[index])
        taken = tuple(each for each in record.instances if each.label in labels)
        return record if len(taken) == len(record.instances) else replace(record, instances=taken)

    return replace(
        annotations,
        names=[annotations.names[index] for index in indices],
        source_names=[annotations.source_names[index] for index in indices if annotations.source_names],
        groups=(),
        decode=decode,
        used={label: count for label, count in annotations.used.items() if label in labels},
        categories=tuple(each for each in annotations.categories if each[0] in labels),
        ledger=_of_images(annotations.ledger, indices),
        unsupported=tuple(each for each in annotations.unsupported if options.takes_image(each.name)),
        unchosen=tuple(each for each in annotations.unchosen if options.takes_image(each.name)),
        findings=tuple(each for each in annotations.findings if each.image not in others),
        picture=picture and (lambda index: picture(indices[index])),
        picture_file=lambda index: file_of(indices[index]),
        subsets=[annotations.subsets[index] for index in indices if annotations.subsets],
        sized_by_pictures=[at for at, index in enumerate(indices) if index in sized],
        original=original and (lambda index: original(indices[index])),
        without=None,
        table=None,
    )


def refuse_no_image(taken: Sequence[object], names: Sequence[str], where: Sequence[str]) -> None:
    """Raise `InputError` where names are asked for that no image has."""
    if where and not taken:
        raise InputError(
            f"--where {' --where '.join(where)} matches none of {len(names)} images",
            advice=f"images are called as {names[0]!r} is" if names else None,
        )


def refuse_unknown_labels(annotations: Annotations, options: ReadingOptions) -> None:
    """Raise `LabelError` where a label is asked for that neither annotations nor label map have."""
    known = {*annotations.used, *(name for name, _ in annotations.categories)}
    for name in options.only:
        if name not in known and name not in (options.label_map or ()):
            raise no_such_label(name, sorted(known))


def _of_images(ledger: Ledger | None, indices: Sequence[int]) -> Ledger | None:
    """What becomes of the annotations of some images."""
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
    limits: Limits | None = None,
    **reading: Unpack[ReadingOptionsDict],
) -> Iterator[ImageRecord]:
    """The image records of an annotation file, one after another.

    `labels` names classes that the source only numbers; `reading` are the options of reading, e.g.
    `images`, `only` and `where`. The whole file is checked
    before the first record comes. A record's `picture()` reads its picture, where that is found.
    Raises `FormatError` naming the file and the JSON path of what is wrong.

    >>> for record in read("fixtures/shapes/instances.json"):
    ...     print(record.name, record.frame, len(record.instances))
    harbor.png (120, 160) 6
    meadow.png (120, 160) 5
    empty.png (120, 160) 0
    """
    options = ReadingOptions.of({"from_": format, "labels": labels, **reading}, limits=limits)
    annotations = open_chosen(path, options)
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
