"""Segments.ai releases: bitmaps by object id, label sets, samples that nobody labeled."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.reading.linked_files import LinkedFiles
from tests.support.formats import FIXTURES, masks, written
from tests.support.oracles import drawn


def release(folder: Path, **changes: Any) -> Path:
    """The fixture's, with changes to its one sample."""
    document = json.loads((FIXTURES / "segmentsai/release.json").read_text())
    (sample,) = document["dataset"]["samples"]
    sample.update(changes)
    bitmap = np.zeros((3, 4, 4), np.uint8)
    bitmap[..., 3] = 255
    bitmap[0, :2, 0] = 1  # sea
    bitmap[1, 1:, :2] = (44, 1)  # 300, the boat
    Image.fromarray(bitmap).save(folder / "1b2c.png")
    return written(folder / "release.json", document)


def test_ids_are_little_endian(tmp_path: Path) -> None:
    """300 is red 44 and green 1; the bitmap is found by its address's last part. The sun has no pixel."""
    path = release(tmp_path)
    assert (masks(path)["boat.png"] == drawn("22..", ".111", "....")).all()
    annotations = open_annotations(path)
    assert (annotations.used, annotations.unsegmented) == ({"sea": 1, "boat": 1}, 1)
    assert annotations.categories == (("sea", 1), ("boat", 2), ("sun", 3))


@pytest.mark.parametrize("name", ["1b2c.png", "boat_label_ground-truth.png"])
def test_bitmaps_below_masks_are_found(tmp_path: Path, name: str) -> None:
    """By the address's last part, and by the name that the SDK saves them under."""
    path = release(tmp_path)
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "1b2c.png").rename(tmp_path / "elsewhere/deep" / name)
    path = path.rename(written(tmp_path / "alone/release.json", ""))
    with pytest.raises(FormatError, match="--masks DIR"):
        open_annotations(path)
    painted = masks(path, masks=LinkedFiles(tmp_path / "elsewhere"))
    assert (painted["boat.png"] == drawn("22..", ".111", "....")).all()


def test_an_id_that_no_object_has_is_refused(tmp_path: Path) -> None:
    """With its first pixel."""
    path = release(tmp_path)
    document = json.loads(path.read_text())
    attributes = document["dataset"]["samples"][0]["labels"]["ground-truth"]["attributes"]
    del attributes["annotations"][1]
    written(path, document)
    with pytest.raises(FormatError, match=r"the value 300 .* at row 1, column 1 is not in the legend"):
        open_annotations(path)


def test_label_sets_are_chosen_and_samples_without_a_label_listed(tmp_path: Path) -> None:
    """Another set by `--annotator`; what is not chosen is counted."""
    fixture = json.loads((FIXTURES / "segmentsai/release.json").read_text())
    label = fixture["dataset"]["samples"][0]["labels"]["ground-truth"]
    path = release(tmp_path, labels={"ground-truth": None, "second": label})
    annotations = open_annotations(path)
    (left_out,) = annotations.images_left_out
    assert left_out.reason == "it has no label in the set 'ground-truth'"
    assert annotations.ledger
    assert annotations.ledger.count("annotator") == 3
    assert open_annotations(path, options=ReadOptions(annotator="second")).used == {"sea": 1, "boat": 1}


def test_a_bitmap_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nothing is fetched; the message names the file to put there."""
    path = release(tmp_path)
    (tmp_path / "1b2c.png").unlink()
    with pytest.raises(FormatError, match=r"put the mask beside this file, as '1b2c\.png'"):
        open_annotations(path)


def test_newer_releases_have_their_categories_in_tasks(tmp_path: Path) -> None:
    """One task a label set."""
    path = release(tmp_path)
    document = json.loads(path.read_text())
    attributes = document["dataset"].pop("task_attributes")
    document["dataset"]["tasks"] = {"ground-truth": {"attributes": attributes}}
    assert open_annotations(written(path, document)).used == {"sea": 1, "boat": 1}
