"""Seeds: a COCO file or a folder becomes a dataset, or an error that names the file."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask.dataloop.emulator import Emulator
from polymask.errors import FormatError, InputError
from tests.dataloop.conftest import TRIANGLE, png, polygon

SQUARE = [1.0, 1.5, 9.0, 1.5, 9.0, 9.25, 1.0, 9.25]
COCO: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
        {"id": 2, "file_name": "sub/b.png", "width": 40, "height": 30},
    ],
    "annotations": [
        {"id": 5, "image_id": 1, "category_id": 7, "segmentation": [SQUARE, [0, 0, 1, 0, 1, 1]]},
        {
            "id": 6,
            "image_id": 2,
            "category_id": 3,
            "segmentation": {"size": [30, 40], "counts": [0, 30, 1170]},
        },
        {"id": 8, "image_id": 2, "category_id": 3, "iscrowd": 1},
    ],
    "categories": [{"id": 7, "name": "cat"}, {"id": 3, "name": "dog"}],
}


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    path = tmp_path / "harbor.json"
    path.write_text(json.dumps(COCO))
    return path


def test_a_coco_file_becomes_a_dataset(coco: Path) -> None:
    """Images become items of their size, in a project and dataset of known names."""
    with Emulator(seed=coco) as emulator:
        assert [record["name"] for record in emulator.projects()] == ["emulator"]
        assert [record["name"] for record in emulator.datasets()] == ["harbor"]
        items = emulator.items()
        sizes = [
            (record["metadata"]["system"]["width"], record["metadata"]["system"]["height"])
            for record in items
        ]
        assert [record["filename"] for record in items] == ["/a.jpg", "/sub/b.png"]
        assert sizes == [(20, 10), (40, 30)]
        for record in items:
            picture = Image.open(io.BytesIO(emulator.picture(record["id"])))
            assert picture.size == (
                record["metadata"]["system"]["width"],
                record["metadata"]["system"]["height"],
            )
            assert len(emulator.picture(record["id"])) == record["metadata"]["system"]["size"]


def test_all_rings_of_a_coco_object_are_one_annotation(coco: Path) -> None:
    """Parts stay together, each coordinate as it was."""
    with Emulator(seed=coco) as emulator:
        (segment,) = emulator.annotations(emulator.items()[0]["id"])
    assert (segment["type"], segment["label"]) == ("segment", "cat")
    assert segment["coordinates"] == [
        [{"x": x, "y": y} for x, y in zip(SQUARE[::2], SQUARE[1::2], strict=True)],
        [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}],
    ]
    assert segment["metadata"]["user"]["coco"]["id"] == 5


def test_runs_become_a_binary_mask(coco: Path) -> None:
    """A run-length encoding becomes an RGBA picture whose alpha is the mask."""
    with Emulator(seed=coco) as emulator:
        (binary,) = emulator.annotations(emulator.items()[1]["id"])
    head, _, data = binary["coordinates"].partition(",")
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).getchannel("A"))
    assert (binary["type"], head) == ("binary", "data:image/png;base64")
    expected = np.zeros((30, 40), dtype=np.uint8)
    expected[:, 0] = 255
    assert np.array_equal(alpha, expected)


def test_what_cannot_be_drawn_is_reported(coco: Path) -> None:
    """Objects without a segmentation are left out, and said to be."""
    with Emulator(seed=coco) as emulator:
        assert (emulator.seeded.items, emulator.seeded.annotations) == (2, 2)
        assert emulator.seeded.left_out == ["annotation 8: no segmentation that can be drawn"]


def test_labels_of_a_seed_have_colors(coco: Path) -> None:
    """The ontology knows every category, each with another color."""
    with Emulator(seed=coco, project="boats") as emulator:
        store = emulator._platform.store
        (ontology,) = [record.json() for record in store.all("ontology")]
        assert emulator.projects()[0]["name"] == "boats"
    values = [root["value"] for root in ontology["roots"]]
    assert [record["tag"] for record in values] == ["cat", "dog"]
    assert len({record["color"] for record in values}) == 2


def test_pictures_are_taken_from_their_folder(coco: Path, tmp_path: Path) -> None:
    """A picture that is there is served as it is; its size counts. Others are blank."""
    (tmp_path / "images" / "sub").mkdir(parents=True)
    (tmp_path / "images" / "sub" / "b.png").write_bytes(png(41, 31))
    with Emulator(seed=coco, images=tmp_path / "images") as emulator:
        blank, real = emulator.items()
        assert emulator.picture(real["id"]) == png(41, 31)
        assert real["metadata"]["system"]["width"] == 41
        assert blank["metadata"]["system"]["width"] == 20


def test_a_name_cannot_reach_out_of_the_images_folder(tmp_path: Path) -> None:
    """`../` in a file name gives a blank picture, not somebody's file."""
    (tmp_path / "images").mkdir()
    (tmp_path / "secret.png").write_bytes(png(99, 99))
    coco = COCO | {
        "images": [{"id": 1, "file_name": "../secret.png", "width": 4, "height": 3}],
        "annotations": [],
    }
    (tmp_path / "c.json").write_text(json.dumps(coco))
    with Emulator(seed=tmp_path / "c.json", images=tmp_path / "images") as emulator:
        assert emulator.items()[0]["metadata"]["system"]["width"] == 4


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in COCO.items() if name != key}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "harbor.json"),
        ("[]", "harbor.json"),
        (json.dumps(without("images")), "images"),
        (json.dumps(without("categories")), "categories"),
        (json.dumps(COCO | {"images": [{"id": 1, "file_name": "a", "width": "x", "height": 1}]}), "width"),
        (json.dumps(COCO | {"images": COCO["images"][:1]}), "no image 2"),
        (json.dumps(COCO | {"categories": COCO["categories"][:1]}), "no category 3"),
        (json.dumps(COCO | {"images": COCO["images"] * 2}), "twice"),
    ],
)
def test_a_bad_coco_file_names_the_place(tmp_path: Path, content: str, said: str) -> None:
    """What is wrong with a seed is said with the file and the place in it."""
    path = tmp_path / "harbor.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=said) as caught:
        Emulator(seed=path)
    assert str(path) in str(caught.value)


def test_a_missing_seed_is_named(tmp_path: Path) -> None:
    """A seed that is not there is the user's error."""
    with pytest.raises(InputError, match="nowhere"):
        Emulator(seed=tmp_path / "nowhere")


def test_a_folder_of_pictures_becomes_a_dataset(tmp_path: Path) -> None:
    """Pictures become items by their place in the folder; other files do not."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "sub" / "b.png").write_bytes(png(8, 8))
    (tmp_path / "notes.txt").write_text("no picture")
    with Emulator(seed=tmp_path) as emulator:
        assert [record["filename"] for record in emulator.items()] == ["/a.png", "/sub/b.png"]
        assert emulator.datasets()[0]["name"] == tmp_path.name


@pytest.mark.parametrize("name", ["a.json", "a.png.json"])
def test_a_downloaded_dataset_comes_back(tmp_path: Path, name: str) -> None:
    """The layout that dtlpy downloads, `items/` beside `json/`, brings its annotations along."""
    record = {"filename": "/x/a.png", "annotations": [polygon("cat", TRIANGLE, TRIANGLE) | {"id": "old"}]}
    for folder in ("items", "json"):
        (tmp_path / folder / "x").mkdir(parents=True)
    (tmp_path / "items" / "x" / "a.png").write_bytes(png())
    (tmp_path / "json" / "x" / name).write_text(json.dumps(record))
    with Emulator(seed=tmp_path) as emulator:
        (item,) = emulator.items()
        (annotation,) = emulator.annotations(item["id"])
    assert item["filename"] == "/x/a.png"
    assert annotation["coordinates"] == [TRIANGLE, TRIANGLE]
    assert annotation["id"] != "old"


@pytest.mark.parametrize("content", ["{", "{}", '{"annotations": [1]}'])
def test_a_bad_annotation_file_is_named(tmp_path: Path, content: str) -> None:
    """A file of `json/` that is no annotation file is an error with its name."""
    (tmp_path / "json").mkdir()
    (tmp_path / "json" / "bad.json").write_text(content)
    with pytest.raises(FormatError, match=r"bad\.json"):
        Emulator(seed=tmp_path)


def test_an_empty_folder_is_no_seed(tmp_path: Path) -> None:
    """A folder without pictures is most likely the wrong folder."""
    with pytest.raises(InputError, match="no pictures"):
        Emulator(seed=tmp_path)
