"""The contract of all formats: the options that a reader receives, and the annotations it returns."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from polymask.formats.reading.annotation_choice import Choice
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
    """The options that a format's reader receives.

    Attributes:
        limits: How large the input may be.
        skip_invalid: Leave malformed records out and report them, instead of raising.
        images: Where the pictures are, for formats that do not give their sizes.
        label_attribute: The attribute that holds the label, for formats without a field for it.
        default_label: The label of annotations that have none.
        boxes: Paint boxes without a segmentation as rectangles.
        choice: Which of Dataloop's annotations to read.
        annotator: Whose drawing to read where several people drew one image.
        labels: What the pixel values of masks without a table mean.
        label_names: Label names by class number, for formats that only number classes.
        masks: Where the mask pictures are that annotations name only by an address.
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
        """The options of a command whose only reading options are the pictures' folder and the limits."""
        return cls(limits=limits or Limits(), images=located(images) if images is not None else None)


def no_picture_file(index: int) -> None:
    """The `picture_file` of formats that do not search for pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotations:
    """The annotations of a source: the images it declares, each decoded on demand.

    Attributes:
        path: The source.
        format: The name of its format.
        categories: Pairs of label and category id (or None), in the source's own order.
        names: The names of the images.
        decode: `decode(i)` returns the record of the image `names[i]`.
        used: How many instances each label has.
        ledger: What becomes of every declared annotation; None where nothing was counted.
        skipped: Malformed records that were left out.
        unsupported: Annotations that polymask cannot paint.
        unchosen: Annotations that the options did not select.
        images_left_out: Whole images that were left out.
        findings: Harmless oddities.
        notes: Further remarks for the report.
        picture: `picture(i)` returns a picture's bytes, where the source holds them itself.
        original: `original(i)` returns an image's record as the source wrote it.
        picture_file: `picture_file(i)` returns the picture's file; None where it is not found.
        sized_by_pictures: Indices of the images whose size must be taken from their pictures.
        subsets: The split of each image (train, val, test or an empty text), where the source has splits.
        source_names: The images' names in the source, where `names` were derived from them.
        groups: The subset and the task of each image, where the source has them.
        named_by_labels: Whether the labels of `ReadOptions` name the source's classes or pixel values.
        table: The instances of all images in columns, equal to what `decode` returns.
        table_of: Makes such a table of some images, of a source that is too large for one of all; None
            where the images need their records.
        without: `without(data, removed)` returns the source file's bytes `data` without some instances;
            `removed` maps an image's index to positions among its record's instances.
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
    table_of: Callable[[Sequence[int]], InstanceTable | None] | None = None
    without: Callable[[bytes, Mapping[int, Collection[int]]], bytes] | None = None

    @property
    def unsegmented(self) -> int:
        """How many annotations paint nothing because they have no segmentation."""
        return self.ledger.count("box", "unsegmented", "tag") if self.ledger else 0

    def source_name(self, index: int) -> str:
        """The i-th image's name in the source, without secrets that an address may hold."""
        return without_secrets(self.source_names[index]) if self.source_names else self.names[index]

    def __iter__(self) -> Iterator[ImageRecord]:
        return map(self.decode, range(len(self.names)))


class Format(Protocol):
    """The interface of a format module; `MANY` says that annotations may be spread over several files."""

    MANY: bool
    FACTS: Facts

    def sniff(self, content: Content) -> bool: ...  # noqa: D102
    def read(self, content: Content, options: ReadOptions) -> Annotations: ...  # noqa: D102
