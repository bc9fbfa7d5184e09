"""SA-1B: runs without labels, a file an image."""

import json
from pathlib import Path
from typing import Any

import pytest

from polymask import FormatError, LabelMap
from polymask.formats import ReadOptions, open_annotations
from tests.support.formats import FIXTURES, SCENE, masks, written

BOAT = FIXTURES / "sa1b/boat.json"


def changed(tmp_path: Path, **image: Any) -> Path:
    document = json.loads(BOAT.read_bytes())
    return written(tmp_path / "a.json", document | {"image": document["image"] | image})


def test_every_mask_is_an_object() -> None:
    """The scene's silhouette, from a folder of files; another label may be chosen."""
    found = masks(BOAT.parent)
    assert ((found["boat.jpg"] > 0) == (SCENE > 0)).all()
    assert not found["empty.jpg"].any()
    named = masks(BOAT.parent, LabelMap.from_names(["thing"]), default_label="thing")
    assert (named["boat.jpg"] == found["boat.jpg"]).all()
    assert open_annotations(BOAT).categories == (("object", None),)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"file_name": ""}, r"\$\.image\.file_name: the name is empty"),
        ({"height": -1}, r"\$\.image.*whole number"),
        ({"width": 13}, r"\$\.annotations\[0\]\.segmentation\.size"),
        ({"image_id": None}, r"\$\.image\.image_id"),
    ],
)
def test_what_is_malformed_is_told_with_its_place(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    """As in every format."""
    with pytest.raises(FormatError, match=why):
        open_annotations(changed(tmp_path, **changes), format="sa1b")


def test_masks_that_do_not_fit_can_be_left_out(tmp_path: Path) -> None:
    """They are listed, and the picture is blank."""
    annotations = open_annotations(changed(tmp_path, width=13), options=ReadOptions(skip_invalid=True))
    assert len(annotations.skipped) == 3
    assert [len(record.instances) for record in annotations] == [0]
