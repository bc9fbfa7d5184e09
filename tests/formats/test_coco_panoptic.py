"""COCO panoptic: ids in three bytes, void, missing and wrong PNGs, what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, convert
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import FIXTURES, LABELS, SCENE, masks


@pytest.fixture
def panoptic(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "coco-panoptic", tmp_path / "data")
    return tmp_path / "data/panoptic.json"


def changed(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


def test_ids_are_red_green_and_blue(panoptic: Path) -> None:
    """Segments of 3, 70 303 and 140 603: all three bytes count. Void is background."""
    assert (masks(panoptic, LABELS)["boat.png"] == SCENE).all()
    ids = [one.id for one in open_annotations(panoptic).decode(0).instances]
    assert ids == [3, 70_303, 140_603]


def test_the_pngs_may_lie_elsewhere(panoptic: Path, tmp_path: Path) -> None:
    """Where `--images` says."""
    (panoptic.parent / "panoptic").rename(tmp_path / "pngs")
    report = convert(panoptic, tmp_path / "lost")
    assert (report.written, report.failed) == (1, 1)  # the empty image has none
    assert "boat.png is not there" in report.failures[0].reason
    assert convert(panoptic, tmp_path / "found", images=tmp_path / "pngs").failed == 0


def test_ids_in_text_are_matched(panoptic: Path) -> None:
    """Where all images' ids are numbers, "1" is 1; a note counts."""
    document = json.loads(panoptic.read_text())
    for row in document["annotations"]:
        row["image_id"] = str(row["image_id"])
    annotations = open_annotations(changed(panoptic, **document))
    assert len(annotations.decode(0).instances) == 3
    assert annotations.notes == ("1 ids are text where others are numbers, and were matched as text",)


@pytest.mark.parametrize("what", ["size", "mode", "stranger", "damaged"])
def test_a_wrong_png_fails_its_image(panoptic: Path, what: str) -> None:
    """Another size, a palette, an id that is no segment, or no PNG."""
    path = panoptic.parent / "panoptic/boat.png"
    match what:
        case "size":
            Image.new("RGB", (12, 9)).save(path)
        case "mode":
            Image.new("L", (12, 8)).save(path)
        case "stranger":
            Image.fromarray(np.full((8, 12, 3), 7, np.uint8)).save(path)
        case "damaged":
            path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"boat\.png"):
        open_annotations(panoptic).decode(0)


def test_crowds_stay_crowds(panoptic: Path) -> None:
    """`iscrowd` of a segment."""
    document = json.loads(panoptic.read_text())
    document["annotations"][0]["segments_info"][0]["iscrowd"] = 1
    panoptic.write_text(json.dumps(document))
    assert [one.crowd for one in open_annotations(panoptic).decode(0).instances] == [True, False, False]


def test_malformed_annotations_are_refused(panoptic: Path) -> None:
    """An unknown category, two annotations of an image; left out when told to."""
    rows = json.loads(panoptic.read_text())["annotations"]
    with pytest.raises(FormatError, match=r"\$\.annotations\[1\]\.image_id: the image 1 has an annotation"):
        open_annotations(changed(panoptic, annotations=rows * 2))
    rows[0]["segments_info"][0]["id"] = -1
    with pytest.raises(FormatError, match=r"segments_info\[0\]\.id: an id is 1 to 16777215, not -1"):
        open_annotations(changed(panoptic, annotations=rows))
    rows[0]["segments_info"][0]["id"] = 3
    rows[0]["segments_info"][1]["category_id"] = 4
    path = changed(panoptic, annotations=rows)
    with pytest.raises(FormatError, match=r"segments_info\[1\]\.category_id: no category has the id 4"):
        open_annotations(path)
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert (len(annotations.skipped), annotations.used) == (1, {})


def test_a_png_name_that_leads_out_is_refused(panoptic: Path) -> None:
    """It is never opened."""
    rows = json.loads(panoptic.read_text())["annotations"]
    rows[0]["file_name"] = "../../secret.png"
    with pytest.raises(InputError, match="no safe file name"):
        open_annotations(changed(panoptic, annotations=rows)).decode(0)
