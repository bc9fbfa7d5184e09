"""COCO as an output: one RLE annotation a label, which pycocotools reads back."""

import contextlib
import io
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO

from polymask import ImageRecord, LabelMap, convert, label_masks, read
from polymask.painting.painting import Painting, Rules
from polymask.raster.spans import paint
from tests.conftest import SAMPLE


def in_order_of_name() -> list[ImageRecord]:
    """The sample's images as the file has them."""
    return sorted(read(SAMPLE), key=lambda record: record.name)


def opened(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(path)


def test_pycocotools_reads_the_label_masks_back(tmp_path: Path) -> None:
    """Each label's mask, its area and its box are those of the union of its instances."""
    convert(SAMPLE, tmp_path, to="coco", ids="source")
    coco = opened(tmp_path / "annotations.json")
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}[5] == "boat"
    for record, image in zip(in_order_of_name(), coco.loadImgs(coco.getImgIds()), strict=True):
        assert (image["file_name"], image["height"], image["width"]) == (record.name, *record.frame)
        masks = {mask.label: mask.mask for mask in label_masks(record)}
        found = coco.loadAnns(coco.getAnnIds(image["id"]))
        assert len(found) == len(masks)
        for annotation in found:
            mask = masks[coco.loadCats(annotation["category_id"])[0]["name"]]
            assert (coco.annToMask(annotation).astype(bool) == mask).all()
            rows, columns = np.nonzero(mask)
            left, top = columns.min(), rows.min()
            box = [left, top, columns.max() - left + 1, rows.max() - top + 1]
            assert (annotation["area"], annotation["bbox"]) == (mask.sum(), box)


def test_the_written_file_can_be_converted_again(tmp_path: Path) -> None:
    """Masks of the output, read as annotations, are the masks of the input."""
    convert(SAMPLE, tmp_path, to="coco")
    label_map = LabelMap.from_source(SAMPLE)
    for one, other in zip(in_order_of_name(), read(tmp_path / "annotations.json"), strict=True):
        spans = [Painting(record, label_map, Rules()).label_spans for record in (one, other)]
        assert list(spans[0]) == list(spans[1])
        for label in spans[0]:
            masks = [np.zeros(one.frame, bool) for _ in range(2)]
            for mask, of_record in zip(masks, spans, strict=True):
                paint(mask, of_record[label], 1)
            assert (masks[0] == masks[1]).all()
