"""Datasets as tools pack them: a file or a folder for each subset, archives, and the splits they tell."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polymask import FormatError, InputError, convert
from polymask.codecs.png import encode_png
from polymask.formats import open_annotations
from tests.conftest import Run
from tests.support.formats import masks, written
from tests.support.oracles import drawn

SQUARE = drawn("........", ".###....", ".###....", "........", "........", "........")
RING = [1, 1, 4, 1, 4, 3, 1, 3]


def coco(
    *names: str, label: str = "cat", ids: dict[str, int] | None = None, sized: bool = True
) -> dict[str, Any]:
    """A COCO file with a square of the label in each image."""
    ids = ids or {"cat": 1, "dog": 2}
    size = {"height": 6, "width": 8} if sized else {}
    return {
        "images": [{"id": at, "file_name": name} | size for at, name in enumerate(names)],
        "categories": [{"id": key, "name": name} for name, key in ids.items()],
        "annotations": [
            {"id": at, "image_id": at, "category_id": ids[label], "segmentation": [RING]}
            for at in range(len(names))
        ],
    }


def pictured(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (8, 6), (9, 9, 9)).save(folder / name)


def roboflow(root: Path) -> Path:
    """train, valid and test, each with its pictures and a COCO file; one name is in all of them."""
    for folder, label in (("train", "cat"), ("valid", "dog"), ("test", "cat")):
        written(root / folder / "_annotations.coco.json", coco("a.jpg", f"{folder}.jpg", label=label))
        pictured(root / folder, "a.jpg", f"{folder}.jpg")
    written(root / "README.roboflow.txt", "x")
    return root


def zipped(root: Path, path: Path, *, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(root).as_posix())
    return path


NAMES = [f"{folder}/{name}.jpg" for folder in ("test", "train", "valid") for name in ("a", folder)]


@pytest.mark.parametrize("packing", ["folder", "zip", "zip with a folder at its top", "folder with the zip"])
def test_a_file_a_subset_is_one_dataset(tmp_path: Path, packing: str) -> None:
    """Zipped or not: the subset is the folder of the names, and what the splits are."""
    path = roboflow(tmp_path / "set")
    if packing != "folder":
        top = "harbor-1/" if "top" in packing else ""
        (tmp_path / "given").mkdir()
        path = zipped(path, tmp_path / "given/harbor.v1.zip", top=top)
        path = path.parent if packing == "folder with the zip" else path
    annotations = open_annotations(path)
    assert sorted(annotations.names) == NAMES
    assert all((mask > 0).tolist() == (SQUARE > 0).tolist() for mask in masks(path).values())
    assert dict(zip(annotations.names, annotations.subsets, strict=True)) == {
        name: {"test": "test", "train": "train", "valid": "val"}[name.partition("/")[0]] for name in NAMES
    }
    assert annotations.ledger
    assert (annotations.used, annotations.ledger.declared) == ({"cat": 4, "dog": 2}, 6)
    for index, name in enumerate(annotations.names):
        file = annotations.picture_file(index)
        assert file is not None
        assert file.name.endswith(name)
    decode = pickle.loads(pickle.dumps(annotations.decode))
    assert decode(0).name == annotations.names[0]


def test_the_splits_that_a_source_tells_are_those_of_the_layout(
    tmp_path: Path, polymask_command: Run
) -> None:
    """Unless a ratio or a split is asked for."""
    path = roboflow(tmp_path / "set")
    lists = "ImageSets/Segmentation/{}.txt"

    def told(*flags: str) -> dict[str, list[str]]:
        dest = tmp_path / "_".join(("out", *flags)).replace("-", "")
        done = polymask_command("convert", path, dest, "--to", "voc", *flags)
        assert done.returncode == 0, done.stderr
        found = ((split, dest / lists.format(split)) for split in ("train", "val", "test"))
        return {split: file.read_text().split() for split, file in found if file.is_file()}

    assert told() == {
        "train": ["train/a", "train/train"],
        "val": ["valid/a", "valid/valid"],
        "test": ["test/a", "test/test"],
    }
    assert sorted(told("--split", "val")["val"]) == [name.removesuffix(".jpg") for name in NAMES]
    assert sorted(told("--split-ratio", "1")["train"]) == [name.removesuffix(".jpg") for name in NAMES]
    assert set(told("--where", "valid/*")["val"]) == {"valid/a", "valid/valid"}


def test_several_workers_see_the_same_dataset(tmp_path: Path) -> None:
    """Each process opens the source itself."""
    path = zipped(roboflow(tmp_path / "set"), tmp_path / "a.zip")
    runs = [convert(path, tmp_path / f"out{workers}", to="voc", workers=workers) for workers in (1, 2)]
    assert [run.written for run in runs] == [6, 6]
    written_by = [
        {p.relative_to(tmp_path / f"out{n}"): p.read_bytes() for p in (tmp_path / f"out{n}").rglob("*.[pt]*")}
        for n in (1, 2)
    ]
    assert written_by[0] == written_by[1]


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("annotations/instances_train2017.json", "annotations/instances_val2017.json"),
        ("annotations/instances_Train.json", "annotations/instances_Validation.json"),
        ("train.json", "val.json"),
        ("train/annotations/instances_default.json", "valid/annotations/instances_default.json"),
    ],
)
def test_the_subset_may_stand_in_the_name_of_the_file(tmp_path: Path, train: str, val: str) -> None:
    """As in COCO's own releases and in CVAT's projects; one name in both stays apart."""
    written(tmp_path / train, coco("a.png"))
    written(tmp_path / val, coco("a.png", label="dog"))
    annotations = open_annotations(tmp_path)
    found = dict(zip(annotations.subsets, annotations, strict=True))
    assert [found[split].instances[0].label for split in ("train", "val")] == ["cat", "dog"]
    folder = found["val"].name.partition("/")[0]
    assert folder in val
    pictured(tmp_path / "images" / folder, "a.png")
    assert annotations.picture_file(list(annotations.subsets).index("val")) is not None


def test_files_that_are_no_subsets_are_refused(tmp_path: Path) -> None:
    """Two of one subset, and one of none: which is meant would be guessed."""
    for names in (("instances_train.json", "captions_train.json"), ("train.json", "val.json", "more.json")):
        root = tmp_path / names[0]
        for name in names:
            written(root / name, coco("a.png"))
        with pytest.raises(FormatError, match="their names do not tell subsets apart; name one"):
            open_annotations(root)


def test_ids_that_mean_different_labels_are_told_to_be_none(tmp_path: Path) -> None:
    """Labels are joined by name; `--ids source` has no meaning then, and says so."""
    written(tmp_path / "train.json", coco("a.png"))
    written(tmp_path / "val.json", coco("a.png", label="dog", ids={"dog": 1, "bird": 2}))
    annotations = open_annotations(tmp_path)
    assert annotations.categories == (("cat", None), ("dog", None), ("bird", None))
    assert annotations.used == {"cat": 1, "dog": 1}
    with pytest.raises(InputError, match="no category ids"):
        convert(tmp_path, tmp_path / "out", ids="source")
    written(tmp_path / "val.json", coco("a.png", label="dog"))
    assert open_annotations(tmp_path).categories == (("cat", 1), ("dog", 2))


def test_what_is_wrong_in_a_part_is_told_with_its_file(tmp_path: Path) -> None:
    """And counted: declared is painted and listed."""
    written(tmp_path / "train/a.json", coco("a.png"))
    bad = coco("a.png", "b.png")
    bad["annotations"][1]["segmentation"] = [[1, 1]]
    written(tmp_path / "val/a.json", bad)
    with pytest.raises(FormatError, match=r"val/a\.json: \$\.annotations\[1\]"):
        open_annotations(tmp_path)
    report = convert(tmp_path, tmp_path / "out", skip_invalid=True)
    assert [each.name for each in report.skipped] == ["val/a.json: $.annotations[1].segmentation[0]"]
    assert (report.images, report.declared, report.painted, report.left_out.total()) == (3, 3, 2, 1)


def test_polygons_in_several_files_are_not_deleted(tmp_path: Path) -> None:
    """A deletion is of one file; it is refused before anything is written."""
    path = roboflow(tmp_path / "set")
    before = {file: file.read_bytes() for file in path.rglob("*.json")}
    with pytest.raises(InputError):
        convert(path, tmp_path / "out", delete_source=True)
    assert {file: file.read_bytes() for file in path.rglob("*.json")} == before
    assert not (tmp_path / "out").exists()


def test_an_archive_beside_annotations_is_only_a_file(tmp_path: Path) -> None:
    """It may hold the pictures; without annotations beside, the archive is what is meant."""
    written(tmp_path / "a.json", coco("a.png"))
    zipped(roboflow(tmp_path.parent / f"{tmp_path.name}-set"), tmp_path / "images.zip")
    assert open_annotations(tmp_path).names == ["a.png"]
    (tmp_path / "a.json").unlink()
    assert len(open_annotations(tmp_path).names) == 6
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with pytest.raises(FormatError, match=r"name one of the archives in it, images\.zip"):
        open_annotations(tmp_path)
    (tmp_path / "images.zip").unlink()
    with pytest.raises(FormatError, match="is a folder, and no file in it"):
        open_annotations(tmp_path)


def test_archives_of_one_format_are_parts_of_one_dataset(tmp_path: Path) -> None:
    """Each image is named with its archive's folder, so that one name in two tasks is two images."""
    for name, label in (("task_1.zip", "cat"), ("task_2.zip", "dog")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("annotations.json", json.dumps(coco("a.png", label=label)))
            archive.writestr("images/a.png", encode_png(np.zeros((6, 8), np.uint8)))
    annotations = open_annotations(tmp_path)
    assert annotations.names == ["task_1/a.png", "task_2/a.png"]
    assert [record.instances[0].label for record in annotations] == ["cat", "dog"]
    pictures = [annotations.picture_file(index) for index in range(2)]
    assert [picture and picture.name for picture in pictures] == ["images/a.png"] * 2
    assert "2 archives are read as parts of one dataset (task_1.zip, task_2.zip)" in annotations.notes
    report = convert(tmp_path, tmp_path / "out")
    assert (report.images, report.painted) == (2, 2)


def test_archives_called_as_subsets_are_the_splits(tmp_path: Path) -> None:
    """And an archive with subsets of its own keeps them."""
    for name in ("train.zip", "val.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("annotations.json", json.dumps(coco("a.png")))
    assert open_annotations(tmp_path).subsets == ["train", "val"]
    (tmp_path / "train.zip").rename(tmp_path / "more.zip")
    zipped(roboflow(tmp_path.parent / f"{tmp_path.name}-set"), tmp_path / "val.zip")
    subsets = open_annotations(tmp_path).subsets
    assert sorted(set(subsets)) == ["", "test", "train", "val"]


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    """With the way out: to unpack the outer one."""
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("task.zip", b"PK")
    with pytest.raises(FormatError, match=r"an archive of archives \(task\.zip\).*unpack it"):
        open_annotations(tmp_path / "outer.zip")


@pytest.mark.parametrize("layout", ["{split}/labels", "labels/{split}"])
def test_the_folders_of_yolo_tell_the_splits(tmp_path: Path, layout: str) -> None:
    """Roboflow's and Ultralytics' ways; a dataset without such folders tells none."""
    written(tmp_path / "data.yaml", "names: [cat]\n")
    for split in ("train", "valid"):
        folder = layout.format(split=split)
        written(tmp_path / folder / "a.txt", "0 0.125 0.17 0.5 0.17 0.5 0.5 0.125 0.5\n")
        pictured(tmp_path / folder.replace("labels", "images"), "a.jpg")
    annotations = open_annotations(tmp_path)
    assert dict(zip(annotations.names, annotations.subsets, strict=True)) == {
        "train/a.jpg": "train",
        "valid/a.jpg": "val",
    }
    convert(tmp_path, tmp_path.parent / f"{tmp_path.name}-out", to="mmseg")
    out = tmp_path.parent / f"{tmp_path.name}-out/ann_dir"
    assert (np.array(Image.open(out / "val/valid/a.png")) == 1).sum() == 6
    assert json.loads((tmp_path.parent / f"{tmp_path.name}-out/manifest.jsonl").read_text().splitlines()[0])


@pytest.mark.parametrize("format", ["cvat", "datumaro"])
def test_subsets_within_a_format_are_splits(tmp_path: Path, format: str) -> None:
    """CVAT's attribute and Datumaro's files: images go to their splits, and same names stay apart."""
    subsets = (
        ("Train", "Validation", "test", "task 3") if format == "cvat" else ("train", "val", "test", "task 3")
    )
    for number, subset in enumerate(subsets):
        box = f'<box label="cat" xtl="0" ytl="0" xbr="{number + 1}" ybr="1"/>'
        image = f'<image name="a.png" subset="{subset}" width="8" height="6">{box}</image>'
        shape = {"type": "polygon", "label_id": 0, "points": [0, 0, number + 1, 0, number + 1, 1, 0, 1]}
        item = {"id": "a", "image": {"path": "a.png", "size": [6, 8]}, "annotations": [shape]}
        document = {"categories": {"label": {"labels": [{"name": "cat"}]}}, "items": [item]}
        if format == "cvat":
            written(tmp_path / f"in/{number}.xml", f"<annotations>{image}</annotations>")
        else:
            written(tmp_path / f"in/annotations/{subset}.json", document)
    annotations = open_annotations(tmp_path / "in")
    assert dict(zip(annotations.names, annotations.subsets, strict=True)) == {
        f"{subset}/a.png": split for subset, split in zip(subsets, ("train", "val", "test", ""), strict=True)
    }
    painted = {name: int(mask.sum()) for name, mask in masks(tmp_path / "in").items()}
    assert [painted[f"{subset}/a.png"] for subset in subsets] == [1, 2, 3, 4]
    convert(tmp_path / "in", tmp_path / "out", to="mmseg")
    folders = {path.relative_to(tmp_path / "out").parts[:2] for path in (tmp_path / "out").rglob("*.png")}
    assert {("ann_dir", split) for split in ("train", "val", "test")} <= folders
