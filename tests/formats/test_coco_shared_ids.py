"""COCO files in which several images have one id: nothing tells whose its annotations are."""

import json
from pathlib import Path

import pytest

import polymask
from tests.conftest import coco, square


def shared() -> dict[str, object]:
    """Two images of one id with two annotations, and a third image with one."""
    size = {"width": 8, "height": 6}
    names = ((1, "i.png"), (1, "j.png"), (2, "k.png"))
    row = {"category_id": 3, "iscrowd": 0}
    return coco(
        images=[{"id": key, "file_name": name} | size for key, name in names],
        annotations=[
            row | {"id": 1, "image_id": 1, "segmentation": [square(1, 1, 3)]},
            row | {"id": 2, "image_id": 1, "segmentation": [square(4, 2, 2)]},
            row | {"id": 3, "image_id": 2, "segmentation": [square(1, 1, 3)]},
        ],
    )


@pytest.fixture(params=[False, True], ids=["whole", "large"])
def file(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, for each of the two readers that leave records out."""
    if request.param:
        monkeypatch.setattr("polymask.formats.reading.content.LARGE", 0)
    path = tmp_path / "shared.json"
    path.write_text(json.dumps(shared()))
    return path


def test_they_are_left_out_and_listed(file: Path, tmp_path: Path) -> None:
    """Both images and their annotations, by their places; the third image is painted."""
    report = polymask.convert(file, tmp_path / "out", skip_invalid=True)
    assert sorted(skipped.name for skipped in report.skipped) == [
        "$.annotations[0].image_id",
        "$.annotations[1].image_id",
        "$.images[0].id",
        "$.images[1].id",
    ]
    assert (report.images, report.painted, report.declared) == (1, 1, 3)


def test_they_are_not_deleted(file: Path, tmp_path: Path) -> None:
    """What no mask holds stays in the file."""
    report = polymask.convert(file, tmp_path / "out", skip_invalid=True, delete_source=True)
    assert report.deleted == 1
    assert [row["id"] for row in json.loads(file.read_text())["annotations"]] == [1, 2]


def test_without_the_flag_the_file_is_refused(file: Path, tmp_path: Path) -> None:
    """It names the second image."""
    with pytest.raises(polymask.FormatError) as raised:
        polymask.convert(file, tmp_path / "out")
    assert raised.value.place == "$.images[1].id"
