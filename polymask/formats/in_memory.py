"""Image records that a program has made itself, as annotations that go the way of those in files."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from polymask.codecs.picture_files import NamedPictures
from polymask.errors import InputError
from polymask.flag import spelled
from polymask.formats.options import ReadingOptions
from polymask.formats.reading.contract import Annotations
from polymask.formats.reading.images.renamed import renamed
from polymask.ledger import Ledger
from polymask.model import ImageRecord
from polymask.storage.remote.urls import Location

IN_MEMORY = Path("<records>")  # what errors call them
# options of reading that still count; `split` is where images go, in a conversion
_STILL_OPEN = ("images", "labels", "skip_invalid", "only", "where", "split")


def annotations_of_records(
    records: ImageRecord | Iterable[ImageRecord], options: ReadingOptions
) -> Annotations:
    """Records as annotations, their labels sorted by name; all are held in memory.

    Raises `InputError` for what is no record, and for options of reading files; `LimitError` above
    the limits.

    Examples:
        >>> annotations_of_records([ImageRecord(1, "a.jpg", (2, 3))], ReadingOptions()).names
        ['a.jpg']
    """
    _refuse_reading(options)
    listed = _listed(records)
    ledger, used = Ledger(), Counter[str]()
    for record in listed:
        options.limits.check_frame(record.name, record.frame)
        options.limits.check_record(record.name, record)
        ledger.add_image(declared=len(record.instances), instances=len(record.instances), left_out={})
        used.update(instance.label for instance in record.instances)
    options.limits.check("max_labels", len(used), f"{IN_MEMORY}", f"{len(used)} labels")
    annotations = Annotations(
        path=IN_MEMORY,
        format="records",
        categories=tuple((name, None) for name in sorted(used)),
        names=[record.name for record in listed],
        decode=listed.__getitem__,
        used=dict(used),
        ledger=ledger,
    )
    return _with_pictures(annotations, options.pictures, options)


def _listed(records: Any) -> list[ImageRecord]:
    """The records in a list; raises `InputError` for anything else."""
    if isinstance(records, ImageRecord):
        return [records]
    if not isinstance(records, Iterable):
        raise InputError(
            f"SOURCE is a path, a URL or image records, not a {type(records).__name__}",
            advice="hand in a list of ImageRecord",
        )
    listed = list(records)
    for number, record in enumerate(listed):
        if not isinstance(record, ImageRecord):
            raise InputError(
                f"SOURCE[{number}] is a {type(record).__name__}, not an ImageRecord",
                advice="make one: ImageRecord(id, name, (height, width), instances)",
            )
    return listed


def _with_pictures(annotations: Annotations, images: Location | None, options: ReadingOptions) -> Annotations:
    """The same, with the pictures in a folder, if one is named, and with names below DEST."""
    if images is None:
        return renamed(annotations, picture_in_folders=lambda _: None)
    pictures = NamedPictures(images, annotations.names, images=images, limits=options.limits)
    annotations = replace(annotations, picture_file=pictures.file)
    return renamed(annotations, picture_in_folders=pictures.file_in_folders)


def _refuse_reading(options: ReadingOptions) -> None:
    """Raise `InputError` for options that tell how files are read."""
    for option in fields(ReadingOptions):
        is_of_files = option.name not in _STILL_OPEN and not option.name.startswith("max_")
        if is_of_files and getattr(options, option.name) != option.default:
            raise InputError(
                f"{spelled(option.name)} says how files are read, and records are read already",
                advice=f"leave {option.name} out",
            )
