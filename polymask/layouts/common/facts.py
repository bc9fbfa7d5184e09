"""The facts on a layout's documentation page; the pages are made from these tables."""

import msgspec

LABEL_MASKS = (
    "As label masks: `verify --source`, `compare` and `stats` see all pixels of each label, even those below "
    "others. In an index mask made from them (training, overlays), later labels of the label map are on top."
)
SPLIT_LISTS = (
    "splits/<split>.txt",
    "the names in each split; written with --split-ratio, a --split other than train, or if the source has "
    "splits",
)
"""The lists of a layout that has no other place for splits."""


class LayoutFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a layout, the meaning of its values, and its limits.

    `files` and `values` are (name, meaning) pairs; `read_back` describes how `compare`, `verify` and
    `stats` read such a folder; `shown` is a text file of the sample that the page prints.
    """

    title: str
    source: str
    files: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, str], ...]
    limits: tuple[str, ...] = ()
    read_back: str
    shown: str | None = None
