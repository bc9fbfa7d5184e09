"""Seven jobs, each from the tool's own files to what the newcomer wants, by a page of the docs."""

import json
from doctest import DocTestParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import decode_png, stats, verify
from polymask.dataloop.emulator import Emulator, cookie, fake_token
from polymask.training import MaskDataset, class_weights
from tests.conftest import ROOT, SAMPLE
from tests.newcomers.pages import Reader, blocks

HEIGHT, WIDTH = 400, 640


def photo(path: Path) -> None:
    """A picture of the size that the pages' checks expect."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    Image.fromarray(np.dstack([rows % 256, columns % 256, 0 * rows]).astype(np.uint8)).save(path)


def ring(n: int) -> list[list[float]]:
    """A square of 100 px, each further to the right."""
    left = 40.0 + 70 * n
    return [[left, 120.0], [left + 100, 120.0], [left + 100, 220.0], [left, 220.0]]


def labelme(folder: Path, name: str, *labels: str) -> None:
    """A picture with its annotations as labelme 5 writes them beside it."""
    photo(folder / f"{name}.png")
    shapes = [
        {
            "label": label,
            "points": ring(n),
            "group_id": None,
            "description": "",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for n, label in enumerate(labels)
    ]
    document = {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": f"{name}.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }
    (folder / f"{name}.json").write_text(json.dumps(document, indent=2))


def coco(path: Path, pictures: Path) -> None:
    """A file in COCO's own schema, ids with gaps, one label without an annotation; and its pictures."""
    names = ["person", "bicycle", "car", "motorcycle", "airplane", "bus"]
    document: dict[str, Any] = {
        "info": {"description": "mine", "version": "1.0", "year": 2026},
        "licenses": [{"id": 1, "name": "CC BY", "url": ""}],
        "categories": [
            {"supercategory": "thing", "id": 2 * n + 1, "name": name} for n, name in enumerate(names)
        ],
        "images": [],
        "annotations": [],
    }
    for number in (139, 285):
        name = f"{number:012}.png"
        photo(pictures / name)
        document["images"].append(
            {"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 1}
        )
        document["annotations"] += [
            {
                "id": 10 * number + n,
                "image_id": number,
                "category_id": 2 * n + 1,
                "segmentation": [[coordinate for point in ring(n) for coordinate in point]],
                "area": 10_000.0,
                "bbox": [*ring(n)[0], 100.0, 100.0],
                "iscrowd": 0,
            }
            for n in range(5)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def test_labelme_files_become_pairs_to_train_on(tmp_path: Path) -> None:
    """From a folder as labelme leaves it to weights of classes, by the recipe."""
    for number, labels in enumerate((["crop", "weed"], ["weed"], ["crop", "crop", "weed"])):
        labelme(tmp_path / "field", f"img_{number}", *labels)
    own = {"fixtures/aerial-labelme": "field"}
    Reader(tmp_path, own, {}).follow("recipes/labelme-unet.md")
    pairs = MaskDataset(tmp_path / "voc/JPEGImages", tmp_path / "voc")
    assert len(pairs) == 3
    assert set(np.unique(pairs[0][1])) == {0, 1, 2}
    assert len(class_weights(stats(tmp_path / "voc"))) == 3
    assert (tmp_path / "look.html").exists()


def test_coco_becomes_what_mmsegmentation_reads(tmp_path: Path) -> None:
    """File names as its loader pairs them; the classes in the order of their values."""
    coco(tmp_path / "annotations/instances_train2017.json", tmp_path / "train2017")
    own = {
        "fixtures/shapes/instances.json": "annotations/instances_train2017.json",
        "fixtures/shapes/images": "train2017",
    }
    Reader(tmp_path, own, {}).follow("recipes/mmsegmentation.md")
    pictures = sorted(path.name for path in (tmp_path / "data/img_dir/train").iterdir())
    masks = sorted(path.name for path in (tmp_path / "data/ann_dir/train").iterdir())
    assert pictures == masks == ["000000000139.png", "000000000285.png"]
    mask = decode_png((tmp_path / "data/ann_dir/train" / masks[0]).read_bytes())
    assert sorted(np.unique(mask)) == [0, 1, 2, 3, 4, 5]


def test_coco_becomes_what_segformer_reads(tmp_path: Path) -> None:
    """The program of the page, on files of one's own; the configuration names a class for every value."""
    coco(tmp_path / "annotations/instances_train2017.json", tmp_path / "train2017")
    own = {
        "fixtures/shapes/instances.json": "annotations/instances_train2017.json",
        "harbor.png": "000000000139.png",
    }
    Reader(tmp_path, own, {}).follow("recipes/hugging-face.md")
    id2label = json.loads((tmp_path / "masks/id2label.json").read_text())
    assert list(id2label) == [str(value) for value in range(len(id2label))]
    assert id2label["5"] == "airplane"
    for name in ("000000000139.png", "000000000285.png"):
        with Image.open(tmp_path / "masks/masks" / name) as mask:
            assert mask.size == (WIDTH, HEIGHT)
            assert sorted(np.unique(np.array(mask))) == [0, 1, 2, 3, 4, 5]


def qupath(folder: Path, name: str) -> None:
    """A picture, and its annotations as QuPath 0.5 exports them: a tumor with a hole, stroma in two parts."""
    folder.mkdir()
    Image.new("RGB", (40, 30), "white").save(folder / f"{name}.png")
    shapes = [
        ("Tumor", [200, 0, 0], "Polygon", [rectangle(4, 5, 24, 25), rectangle(10, 10, 16, 20)]),
        ("Stroma", [150, 200, 150], "MultiPolygon", [[rectangle(26, 2, 30, 6)], [rectangle(32, 8, 38, 12)]]),
    ]
    features = [
        {
            "type": "Feature",
            "id": f"7a3c1f0e-0000-4000-8000-00000000000{number}",
            "geometry": {"type": kind, "coordinates": coordinates},
            "properties": {
                "objectType": "annotation",
                "classification": {"name": label, "color": color},
                "isLocked": False,
                "measurements": {},
            },
        }
        for number, (label, color, kind, coordinates) in enumerate(shapes)
    ]
    (folder / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def rectangle(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    """A closed ring of pixel edges."""
    return [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]


def test_slides_become_masks_whose_holes_are_holes(tmp_path: Path) -> None:
    """QuPath's export as it is; each pixel is where the classification says, at full size and smaller."""
    qupath(tmp_path / "export", "slide-1")
    own = {"fixtures/geojson": "export", '"boat"': '"slide-1"'}
    Reader(tmp_path, own, {}).follow("recipes/slides.md")
    expected = np.zeros((30, 40), np.uint8)
    expected[5:25, 4:24] = 2
    expected[10:20, 10:16] = 0
    expected[2:6, 26:30] = expected[8:12, 32:38] = 1
    mask = decode_png((tmp_path / "slides/masks/slide-1.png").read_bytes())
    assert np.array_equal(mask, expected)
    labels = json.loads((tmp_path / "slides/labels.json").read_text())["labels"]
    assert [(label["name"], label["value"]) for label in labels] == [("Stroma", 1), ("Tumor", 2)]
    assert decode_png((tmp_path / "level/masks/slide-1.png").read_bytes()).shape == (4, 5)


def test_a_dataset_is_converted_and_put_back(tmp_path: Path) -> None:
    """Every command of the page's first block, in its order, on the emulated platform."""
    (tmp_path / "home/.dataloop").mkdir(parents=True)
    (tmp_path / "instances.json").write_bytes(SAMPLE.read_bytes())
    (first, *_) = blocks("dataloop.md", "console")
    with Emulator(seed=SAMPLE, images=SAMPLE.parent / "images") as emulator:
        login = cookie(emulator.url, fake_token("ann@example.org"))
        (tmp_path / "home/.dataloop/cookie.json").write_text(login)
        own = {"dataloop://PROJECT/DATASET": "dataloop://emulator/instances"}
        ann = Reader(tmp_path, own, {"HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"})
        before = len([row for row in emulator.annotations() if row["type"] == "segment"])
        ann.type(first)
        after = [row["type"] for row in emulator.annotations()]
    assert after.count("segment") == before
    assert after.count("binary") > 0
    assert len(list((tmp_path / "out/JPEGImages").iterdir())) == 3


def test_a_nightly_run_follows_its_annotations(tmp_path: Path) -> None:
    """The file and the commands of the page: a first night, a change, an image that is gone, an error."""
    (tmp_path / "polymask.toml").write_text(blocks("pipelines.md", "toml")[0])
    (commands,) = (block for block in blocks("pipelines.md", "console") if "--config" in block)
    for name in "abc":
        labelme(tmp_path / "annotations", name, "crop", "weed")
    night = Reader(tmp_path, {}, {})
    night.type(commands)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["images"], report["written"], report["failed"]) == (3, 3, 0)
    labelme(tmp_path / "annotations", "b", "weed", "crop")
    night.type(commands)
    assert json.loads((tmp_path / "report.json").read_text())["written"] == 1
    for path in (tmp_path / "annotations").glob("c.*"):
        path.unlink()
    night.type(commands)
    assert verify(tmp_path / "masks").unchanged == 2
    assert set(stats(tmp_path / "masks").labels) == {"crop", "weed"}
    (tmp_path / "annotations").rename(tmp_path / "elsewhere")
    night.run("bash", "-euc", commands, code=2)
    error = json.loads((tmp_path / "report.json").read_text())["error"]
    assert error["kind"] == "NotFound"
    assert error["advice"]


def display(value: object) -> str:
    """What a notebook shows of a value: the richest that it has."""
    html = getattr(value, "_repr_html_", None)
    return html() if html else repr(value)


@pytest.mark.parametrize("page", ["python.md", "preview.md"])
def test_a_notebook_shows_what_the_pages_do(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the page in its turn, as cells; whatever one gives is shown."""
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    shown = []
    for example in DocTestParser().get_examples((ROOT / "docs" / page).read_text()):
        try:
            shown.append(display(eval(example.source, names)))
        except SyntaxError:
            exec(example.source, names)
    assert len(shown) > 1
    for name in ("record", "report", "labels"):
        if name in names:
            assert display(names[name]).startswith("<")
