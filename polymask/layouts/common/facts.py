"""What a layout's documentation page tells; the pages are made from these tables."""

from dataclasses import dataclass

LABEL_MASKS = (
    "As label masks: `verify --source`, `compare` and `stats` look at each label's own pixels, also below "
    "others. Who wants one index mask (training, overlays) gets later labels of the label map on top."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutFacts:
    """What a layout writes, what its values mean, and what it cannot hold.

    `files` and `values` are (name, meaning) pairs; `read_back` tells what `compare`, `verify` and
    `stats` make of such a folder; `shown` is a text file of the sample that the page prints.
    """

    title: str
    source: str
    files: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, str], ...]
    limits: tuple[str, ...] = ()
    read_back: str
    shown: str | None = None
