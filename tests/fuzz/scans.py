"""COCO files that are scanned and painted many at once, against the ways that go by records."""

from pathlib import Path

import numpy as np

from polymask.codecs.painted_png import Encoding, encode
from polymask.errors import PolymaskError
from polymask.formats import Annotations, ReadOptions
from polymask.formats.coco import scan, whole
from polymask.formats.reading.content import Content
from polymask.labels.label_map import from_categories
from polymask.limits import Limits
from polymask.painting.accounted import Account
from polymask.painting.batch import BatchPainter, PaintedBatch
from polymask.painting.painting import Painting, Rules
from polymask.provenance.digest import record_sha256
from polymask.raster.mask_digest import mask_sha256

LIMITS = Limits(max_pixels=1 << 18)
_FACTS = ("path", "format", "categories", "names", "used", "skipped", "findings")


def scanned(data: bytes, folder: Path) -> bool:
    """What a scan accepts, the reader that checks each record accepts too, and gives the same."""
    path = folder / "a.json"
    path.write_bytes(data)
    content, options = Content(path, LIMITS), ReadOptions(limits=LIMITS)
    annotations = scan.read(content, options)
    if annotations is None:
        return False
    try:
        checked = whole.read(Content(path, LIMITS), options)
    except PolymaskError as error:
        raise AssertionError(f"a scan accepts what is refused: {error}") from error
    assert [getattr(annotations, fact) for fact in _FACTS] == [getattr(checked, fact) for fact in _FACTS]
    assert list(annotations.used) == list(checked.used)
    assert vars(annotations.ledger) == vars(checked.ledger)
    assert list(annotations) == list(checked)
    for overlap in ("last", "void") if annotations.names else ():
        _painted(annotations, Rules(overlap=overlap))
    return True


def _painted(annotations: Annotations, rules: Rules) -> None:
    label_map = from_categories(annotations.categories)
    depth = 8 * np.dtype(label_map.dtype).itemsize
    assert annotations.table
    painter = BatchPainter(
        annotations.table,
        label_map,
        rules,
        encoding=Encoding(depth=depth),
        most_pairs=LIMITS.max_conflict_pairs,
    )
    for batch in painter.paint(range(len(annotations.names))):
        for at, index in enumerate(batch.indices):
            if batch.is_painted[at]:
                _compare(
                    batch, at, Painting(annotations.decode(index), label_map, rules, limits=LIMITS), depth
                )


def _compare(batch: PaintedBatch, at: int, painting: Painting, depth: int) -> None:
    image, sums, account = batch.image(at), batch.summed(at, at + 1), Account(painting, index=True)
    assert image.png == encode(painting.painted, depth=depth)
    assert image.mask_sha256 == mask_sha256(painting.painted)
    assert image.record_sha256 == record_sha256(painting.record)
    assert (sums.conflicts, sums.contested, sums.labeled) == (
        painting.conflicts,
        painting.contested_pixels,
        painting.labeled_pixels,
    )
    assert sums.left_out.total() == len(account.unpainted)
