"""What a format's reader may be asked, and what it gives: the contract of all formats."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from polymask.formats.reading.choice import Choice
from polymask.formats.reading.content import Content
from polymask.formats.reading.facts import Facts
from polymask.formats.reading.linked_files import LinkedFiles
from polymask.labels.mask_table import MaskTable
from polymask.ledger import Ledger
from polymask.limits import Limits
from polymask.model import Finding, ImageRecord, Skipped
from polymask.painting.batch import InstanceTable
from polymask.storage.image_names import without_secrets
from polymask.storage.remote.urls import Location, located
from polymask.storage.source_files import File


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What a reader may be asked: limits, and whether malformed records are left out and reported.

    `images` is where the pictures are, for formats that do not tell their size; the label is
    that of `label_attribute`, and `default_label` where there is none, for formats that have
    no field for it; `annotator` is whose drawing is read, where several people drew one image. With
    `boxes`, boxes that have no segmentation are painted as rectangles. `choice` is which of a
    dataset's annotations are taken. `labels` says what the pixels of masks mean that have no table;
    `label_names` are the labels by class number, for formats that number classes and may not name
    them; `masks` is where mask pictures are that annotations only name by an address.
    """

    limits: Limits = field(default_factory=Limits)
    skip_invalid: bool = False
    images: Location | None = None
    label_attribute: str | None = None
    default_label: str | None = None
    boxes: bool = False
    choice: Choice = field(default_factory=Choice)
    annotator: str | None = None
    labels: MaskTable | None = None
    label_names: Mapping[int, str] = field(default_factory=dict)
    masks: LinkedFiles | None = None

    @classmethod
    def of(cls, *, images: str | Location | None, limits: Limits | None) -> "ReadOptions":
        """The options of a command that only looks: where the pictures are, and the limits."""
        return cls(limits=limits or Limits(), images=located(images) if images is not None else None)


def no_picture_file(index: int) -> None:
    """No picture is found: what stands where nobody looks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """What a format found in a file: the images it declares, each decoded when asked for.

    `categories` are the (name, category id or None) pairs in the source's own order;
    `decode(i)` gives the record of the image `names[i]`; `used` counts the instances by
    label. `ledger` tells what becomes of every annotation that is declared; None where nobody
    counted. `skipped` are the malformed records that were left out,
    `unsupported` are instances that polymask cannot paint and leaves alone, `unchosen` those
    that were not chosen, `images_left_out` whole images, and
    `findings` are oddities that do no harm, `notes` what else a report tells of the source.
    `picture(i)`, where the source has them itself, gives a picture's own bytes, `original(i)` its
    record as the source wrote it. `picture_file(i)` is where the picture lies, None where it is not
    found; `sized_by_pictures` are the images whose size only their picture tells.
    `subsets` are the splits that images are of, where the source tells: train, val, test or nothing.
    `source_names` are what the source calls the images, where their names were made of that, and
    `groups` the subset and the task of each, where it tells them.
    `named_by_labels` tells that the labels of `ReadOptions` named the source's classes or pixel values.
    `table`, where there is one, has the instances of all images, as `decode` gives them, but no object each.
    `without(data, gone)`, where polygons can be taken out, gives the file's bytes, which are `data`,
    without those of `gone`: for an image's place in `names`, positions among its record's instances.
    """

    path: Location
    format: str
    categories: tuple[tuple[str, int | None], ...]
    names: Sequence[str]
    decode: Callable[[int], ImageRecord]
    used: Mapping[str, int]
    ledger: Ledger | None = None
    skipped: tuple[Skipped, ...] = ()
    unsupported: tuple[Skipped, ...] = ()
    unchosen: tuple[Skipped, ...] = ()
    images_left_out: tuple[Skipped, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    picture: Callable[[int], bytes] | None = None
    original: Callable[[int], bytes] | None = None
    picture_file: Callable[[int], File | None] = no_picture_file
    sized_by_pictures: Sequence[int] = ()
    subsets: Sequence[str] = ()
    source_names: Sequence[str] = ()
    groups: Sequence[tuple[str, ...]] = ()
    named_by_labels: bool = False
    table: InstanceTable | None = None
    without: Callable[[bytes, Mapping[int, Collection[int]]], bytes] | None = None

    @property
    def unsegmented(self) -> int:
        """How many annotations have no segmentation, and paint nothing."""
        return self.ledger.count("box", "unsegmented", "tag") if self.ledger else 0

    def source_name(self, index: int) -> str:
        """What the source calls the i-th image, without what may be secret in an address."""
        return without_secrets(self.source_names[index]) if self.source_names else self.names[index]

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.decode, range(len(self.names)))


class Format(Protocol):
    """What a format module offers; `MANY` where its annotations are spread over several files."""

    MANY: bool
    FACTS: Facts

    def sniff(self, content: Content) -> bool: ...  # noqa: D102
    def read(self, content: Content, options: ReadOptions) -> Annotations: ...  # noqa: D102
