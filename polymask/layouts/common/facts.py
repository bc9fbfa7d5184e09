"""The facts on a layout's documentation page; the pages are made from these tables."""

import msgspec

LABEL_MASKS = (
    "As label masks: `verify --source`, `compare` and `stats` see all pixels of each label, also below "
    "others. An index mask made from them (training, overlays) has later labels of the label map on top."
)


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
