"""With other labels, the mask of an image that failed is not left beside tables that are not true of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import InputError, convert, decode_png, stats, verify
from polymask.conversion.dest import folder_sink
from polymask.layouts import LAYOUTS
from tests.conftest import Run, coco, square, tree

Write = Callable[..., Path]
OF_LABELS = ("binary", "dataloop")  # layouts of a mask for each label, named by it
OTHERS: Any = {"labels": ["dog", "cat"], "overwrite": True}


def two_images(path: Path, **changes: Any) -> Path:
    """A cat in each; in a.jpg a dog lies over it, which `overlap="error"` refuses."""
    images = [
        {"id": n, "file_name": f"{name}.jpg", "height": 6, "width": 8} for n, name in enumerate("ab", 1)
    ]
    cats = [{"id": n, "image_id": n, "category_id": 3, "segmentation": [square(1, 1, 3)]} for n in (1, 2)]
    dog = {"id": 3, "image_id": 1, "category_id": 7, "segmentation": [square(3, 2, 3)]}
    path.write_text(json.dumps(coco(images=images, annotations=[*cats, dog], **changes)))
    return path


def aside(out: Path) -> Path:
    """The one folder of masks that were set aside."""
    (folder,) = (out / ".polymask/outdated").iterdir()
    return folder


def test_a_mask_of_the_old_labels_is_moved_away(tmp_path: Path, polymask_command: Run) -> None:
    """Its numbers would be read with the new names; where it lies now, they are read with the old ones."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out, instances=True)
    mask, labels = (out / "masks/a.png").read_bytes(), (out / "labels.json").read_bytes()
    rehearsed = convert(path, out, overlap="error", dry_run=True, instances=True, **OTHERS)
    assert (out / "masks/a.png").read_bytes() == mask
    assert f"they would be moved, with their tables, to {out / '.polymask/outdated'}" in rehearsed.notes[-1]
    report = convert(path, out, overlap="error", instances=True, **OTHERS)
    assert (report.exit_code, report.failed) == (1, 1)
    assert str(aside(out)) in report.notes[-1]
    assert sorted(p.name for p in (out / "masks").iterdir()) == ["b.png"]
    assert sorted(p.name for p in (out / "instances").iterdir()) == ["b.png"]
    assert set(decode_png((out / "masks/b.png").read_bytes()).flat) == {0, 2}
    assert verify(out).unchanged == stats(out).labels["cat"]["images"] == 1
    assert ((aside(out) / "masks/a.png").read_bytes(), (aside(out) / "labels.json").read_bytes()) == (
        mask,
        labels,
    )
    assert verify(aside(out)).unchanged == 1
    assert {name: n["pixels"] for name, n in stats(aside(out)).labels.items()} == {"cat": 7, "dog": 9}
    done = polymask_command("verify", out, "--source", path)
    assert done.returncode == 5
    assert "a: no mask" in done.stderr


def test_what_the_note_says_makes_the_mask_anew(tmp_path: Path) -> None:
    """Once the image is correct, the same labels go without `--overwrite`."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out, overlap="error", where=["b*"])
    convert(path, out, where=["a*"], overlap="error", skip_invalid=True)
    document = json.loads(path.read_text())
    assert not (out / "masks/a.png").exists()
    document["annotations"].pop()
    path.write_text(json.dumps(document))
    convert(path, out, overlap="error")
    two_images(path)
    convert(path, out, overlap="error", **OTHERS)
    path.write_text(json.dumps(document))
    assert convert(path, out, overlap="error", labels=["dog", "cat"]).failed == 0
    assert set(decode_png((out / "masks/a.png").read_bytes()).flat) == {0, 2}
    assert verify(out).unchanged == 2


def test_where_every_image_fails_all_stays(tmp_path: Path) -> None:
    """No mask is painted with the new labels, so the tables stay true as they are."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out, where=["a*"])
    made = tree(out)
    report = convert(path, out, where=["a*"], overlap="error", **OTHERS)
    assert (report.failed, report.notes) == (1, [])
    assert tree(out) == made


def test_the_same_labels_move_nothing(tmp_path: Path) -> None:
    """A failed image keeps its mask where the tables are true of it."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out)
    mask = (out / "masks/a.png").read_bytes()
    assert convert(path, out, overlap="error", overwrite=True).failed == 1
    assert (out / "masks/a.png").read_bytes() == mask
    assert not (out / ".polymask").exists()
    assert verify(out).unchanged == 2


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Of b.jpg only, so that a.jpg fails where its picture is to be copied."""
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures/b.jpg")
    return tmp_path / "pictures"


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name not in OF_LABELS])
def test_no_layout_names_a_mask_that_is_moved(tmp_path: Path, pictures: Path, layout: str) -> None:
    """Its lists, tables and files of all images are those of a run without that image."""
    path, out, alone = two_images(tmp_path / "a.json"), tmp_path / "out", tmp_path / "alone"
    convert(path, out, to=layout)
    before = {name for name in tree(out) if Path(name).stem in ("a", "a_gtFine_labelIds")}
    copied: Any = {"to": layout, "images": pictures, "copy_images": True}
    assert convert(path, out, **copied, **OTHERS).failed == 1
    assert convert(path, alone, where=["b*"], labels=["dog", "cat"], **copied).failed == 0
    now = tree(out)
    assert {name: data for name, data in now.items() if not name.startswith(".polymask")} == tree(alone)
    moved = {name.split("/", 3)[3] for name in now if name.startswith(".polymask/outdated/")}
    assert moved >= before
    assert moved > {"labels.json", "manifest.jsonl"}


@pytest.mark.parametrize("layout", OF_LABELS)
def test_masks_of_labels_stay(tmp_path: Path, pictures: Path, layout: str) -> None:
    """Each is named by its label, so other values change nothing of what it says."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out, to=layout)
    before = {name: data for name, data in tree(out).items() if "/a" in name}
    report = convert(path, out, to=layout, images=pictures, copy_images=True, **OTHERS)
    assert (report.failed, report.notes) == (1, [])
    assert verify(out).unchanged == 2
    assert {name: data for name, data in tree(out).items() if "/a" in name} == before


def test_masks_of_labels_that_the_tables_lack_are_moved(tmp_path: Path, pictures: Path) -> None:
    """Or they would be left out of every count of the one file that holds an image's masks."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out, to="dataloop")
    few: Any = {"labels": ["cat"], "skip_invalid": True, "overwrite": True}
    convert(path, out, to="dataloop", images=pictures, copy_images=True, **few)
    assert not (out / "json/a.json").exists()
    assert (aside(out) / "json/a.json").exists()
    assert verify(out).unchanged == verify(aside(out)).unchanged == 1


def test_a_store_is_no_exception(tmp_path: Path) -> None:
    """Objects are put at their new place, and those at the old one removed."""
    path, out = two_images(tmp_path / "a.json"), "memory://outdated/masks"
    convert(path, out)
    report = convert(path, out, overlap="error", **OTHERS)
    place = report.notes[-1].partition("with their tables, to ")[2].partition(" ")[0]
    assert report.failed == 1
    assert verify(out).images == verify(place).unchanged == 1
    assert list(stats(place).labels) == ["cat", "dog"]


@pytest.mark.parametrize("stop", ["write", "remove"])
def test_a_run_that_is_stopped_meanwhile_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    """Between the tables and the manifest, or before a removal: the next one ends as an undisturbed one."""
    path, out, whole = two_images(tmp_path / "a.json"), tmp_path / "out", tmp_path / "whole"
    for dest in (out, whole):
        convert(path, dest)
    convert(path, whole, overlap="error", **OTHERS)
    root = folder_sink.Root
    real = getattr(root, stop)

    def dies(self: Any, name: str, *rest: Any, **options: Any) -> None:
        if name in ("manifest.jsonl", "masks/a.png"):
            raise KeyboardInterrupt
        real(self, name, *rest, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(root, stop, dies)
        convert(path, out, overlap="error", **OTHERS)
    convert(path, out, overlap="error", **OTHERS)
    assert tree(out) == tree(whole)


def test_masks_whose_table_is_gone_are_not_given_another(tmp_path: Path) -> None:
    """Nobody knows what their values mean: the run that would write new names beside them is refused."""
    path, out = two_images(tmp_path / "a.json"), tmp_path / "out"
    convert(path, out)
    table = (out / "labels.json").read_bytes()
    (out / "labels.json").unlink()
    (out / "id2label.json").unlink()
    made = tree(out)
    for overwrite in (False, True):
        with pytest.raises(InputError, match=r"labels\.json is missing.*put it back"):
            convert(path, out, where=["b*"], labels=["dog", "cat"], overwrite=overwrite)
    assert tree(out) == made
    (out / "labels.json").write_bytes(table)
    assert convert(path, out, where=["b*"]).failed == 0
    (out / "labels.json").unlink()
    (out / "id2label.json").unlink()
    report = convert(path, out, overlap="error", **OTHERS)
    assert (report.failed, (out / "masks/a.png").exists()) == (1, False)
