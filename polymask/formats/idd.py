"""IDD (India Driving Dataset) polygon JSON: Cityscapes' file format with IDD's label table.

The rules of `cityscapes` hold, except for the table, and for `license plate`, which is painted.
`road` has the id 0, so with `--ids source` background has the id of `unlabeled`, 35.
Source: the label table of AutoNUE's public code, `helpers/anue_labels.py` (names and ids).
"""

from msgspec.structs import replace

from polymask.formats import Annotations, ReadOptions, cityscapes
from polymask.formats.reading.content import Content
from polymask.labels.cityscapes import IDD, UNLABELED

MANY = True

LABELS = {cityscapes.BACKGROUND if name == UNLABELED else name: number for name, number in IDD.items()}

FACTS = replace(
    cityscapes.FACTS,
    title="IDD",
    source="AutoNUE public code, `helpers/anue_labels.py` (names and ids)",
    sniffed="as Cityscapes, with a label that IDD has and Cityscapes has not (`autorickshaw`, `billboard`, "
    "`curb`, a `… fallback`); else say `--from idd`",
    labels="IDD's table, with its ids; `license plate` is drawn. With `--ids source` `road` is 0 and "
    "background 35, as IDD numbers them.",
    sample="idd/000001_gtFine_polygons.json",
)


def sniff(content: Content) -> bool:
    """Whether the file has Cityscapes' keys, and a label that only IDD has."""
    return cityscapes.is_polygons(content) and cityscapes.is_idd(content)


def read(content: Content, options: ReadOptions) -> Annotations:
    """A record for each file."""
    return cityscapes.read_with(content, options, format="idd", table=LABELS, not_drawn=frozenset())
