"""`remove-masks` of a folder: what the manifest proves goes, what anybody touched stays and is told."""

import json
import os
import shutil
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import polymask
from polymask import InputError, NotFound
from polymask.storage.roots.local import Root
from tests.conftest import SAMPLE

IMAGES = SAMPLE.parent / "images"
LAYOUTS = (
    "index", "binary", "voc", "cityscapes", "idd", "camvid", "segnet", "ade20k", "mmseg", "yolo-semantic",
    "coco", "coco-panoptic", "coco-stuff", "nnunet", "onehot", "overlay",
)  # fmt: skip


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_that_a_run_wrote_goes(tmp_path: Path, layout: str) -> None:
    """Masks, tables, lists, copied pictures and the manifest; a dry run before it removes nothing."""
    dest = tmp_path / "out"
    polymask.convert(SAMPLE, dest, to=layout, copy_images=True, images=IMAGES, split_ratio="0.5,0.25,0.25")
    before = tree(dest)
    dry = polymask.remove_masks(dest, dry_run=True)
    assert (dry.retracted, tree(dest)) == (3, before)
    done = polymask.remove_masks(dest)
    assert (done.retracted, done.failures, done.exit_code) == (3, [], 0)
    assert tree(dest) == {}
    assert is_empty(dest)
    assert polymask.remove_masks(dest).exit_code == 0


@pytest.mark.parametrize(
    ("layout", "options"),
    [
        ("coco-panoptic", {"stuff": ("sea", "tree")}),
        ("nnunet", {"void_as": "ignore"}),
        ("nnunet", {"void_as": "background"}),
        ("voc", {"picture_format": "png", "copy_images": True, "images": IMAGES}),
        ("coco-panoptic", {"picture_format": "png", "copy_images": True, "images": IMAGES}),
        ("coco-panoptic", {"stuff": ("sea",), "split": "val"}),
        ("index", {"split": "val"}),
    ],
)
def test_what_options_say_in_the_tables_goes_too(
    tmp_path: Path, layout: str, options: dict[str, Any]
) -> None:
    """Options of a layout are known by its own tables, where the masks do not tell them."""
    polymask.convert(SAMPLE, tmp_path, to=layout, **options)
    assert polymask.remove_masks(tmp_path).failures == []
    assert is_empty(tmp_path)


@pytest.mark.parametrize("layout", ["index", "voc", "cityscapes"])
def test_instance_ids_beside_the_masks_go_too(tmp_path: Path, layout: str) -> None:
    """The manifest has their digests."""
    polymask.convert(SAMPLE, tmp_path, to=layout, instances=True)
    assert polymask.remove_masks(tmp_path).failures == []
    assert is_empty(tmp_path)


def test_what_is_not_of_the_run_stays(tmp_path: Path) -> None:
    """Files of others, also among the masks, and their folders; nobody is told of them."""
    polymask.convert(SAMPLE, tmp_path)
    (tmp_path / "masks" / "notes.txt").write_text("mine")
    (tmp_path / "masks" / "other.png").write_bytes((tmp_path / "masks" / "empty.png").read_bytes())
    (tmp_path / "empty").mkdir()
    assert polymask.remove_masks(tmp_path).exit_code == 0
    assert sorted(tree(tmp_path)) == ["masks/notes.txt", "masks/other.png"]
    assert (tmp_path / "empty").is_dir()


def test_pictures_that_lie_where_copies_would_are_their_owners(tmp_path: Path) -> None:
    """They were read from there, and never copied."""
    shutil.copytree(IMAGES, tmp_path / "JPEGImages")
    polymask.convert(SAMPLE, tmp_path, to="voc", copy_images=True, images=tmp_path / "JPEGImages")
    assert polymask.remove_masks(tmp_path).failures == []
    assert sorted(tree(tmp_path)) == sorted(f"JPEGImages/{path.name}" for path in IMAGES.iterdir())


def test_an_edited_mask_stays_with_its_tables_and_its_line(tmp_path: Path) -> None:
    """Told, exit 4, twice the same; put right again, it goes."""
    polymask.convert(SAMPLE, tmp_path, to="voc", copy_images=True, images=IMAGES)
    mask = tmp_path / "SegmentationClass" / "harbor.png"
    written = mask.read_bytes()
    shutil.copy(tmp_path / "SegmentationClass" / "meadow.png", mask)
    for removed in (2, 0):
        done = polymask.remove_masks(tmp_path)
        assert (done.retracted, done.exit_code) == (removed, 4)
        assert [failure.name for failure in done.failures] == ["harbor.png"]
        assert "SegmentationClass/harbor.png" in done.failures[0].reason
    manifest = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["name"] for line in manifest] == ["harbor.png"]
    assert (tmp_path / "labels.json").exists()
    assert (tmp_path / "ImageSets/Segmentation/train.txt").read_text() == "harbor\n"
    assert (tmp_path / "JPEGImages" / "harbor.png").exists()
    mask.write_bytes(written)
    assert polymask.remove_masks(tmp_path).failures == []


def test_an_edited_mask_of_a_label_keeps_those_of_its_image(tmp_path: Path) -> None:
    """One of several files of an image."""
    polymask.convert(SAMPLE, tmp_path, to="binary")
    before = tree(tmp_path)
    one, other, *_ = (path for path in sorted(before) if path.startswith("masks/harbor/"))
    (tmp_path / one).write_bytes(before[other])
    done = polymask.remove_masks(tmp_path)
    assert (done.retracted, done.exit_code) == (2, 4)
    assert one in done.failures[0].reason
    assert {path for path in tree(tmp_path) if path.startswith("masks/")} == {
        path for path in before if path.startswith("masks/harbor/")
    }


def test_an_edited_copy_of_a_picture_stays(tmp_path: Path) -> None:
    """Its bytes have not the digest of the manifest; the mask goes."""
    polymask.convert(SAMPLE, tmp_path, to="voc", copy_images=True, images=IMAGES)
    picture = tmp_path / "JPEGImages" / "harbor.png"
    picture.write_bytes(b"cropped")
    done = polymask.remove_masks(tmp_path)
    assert (done.exit_code, picture.read_bytes()) == (4, b"cropped")
    assert not (tmp_path / "SegmentationClass").exists()


@pytest.mark.parametrize("edit", [b'"name": "boat"', b'"color"'])
def test_an_edited_table_stays(tmp_path: Path, edit: bytes) -> None:
    """Also one that is what polymask would write of other labels: it is newer than the manifest."""
    polymask.convert(SAMPLE, tmp_path)
    table = tmp_path / "labels.json"
    changed = table.read_bytes().replace(b'"name": "boat"', b'"name": "ship"')
    table.write_bytes(changed + (b"\n" if edit == b'"color"' else b""))
    later = (tmp_path / "manifest.jsonl").stat().st_mtime_ns + 10**9
    os.utime(table, ns=(later, later))
    done = polymask.remove_masks(tmp_path)
    assert (done.retracted, done.exit_code) == (3, 4)
    assert sorted(tree(tmp_path)) == ["id2label.json", "labels.json"]  # the one is made of the other


def test_an_annotation_of_somebody_else_keeps_the_file_of_all_masks(tmp_path: Path) -> None:
    """COCO's file holds all images: with more in it than we wrote, it stays."""
    polymask.convert(SAMPLE, tmp_path, to="coco")
    file = tmp_path / "annotations.json"
    times = file.stat()
    document = json.loads(file.read_text())
    document["images"].append({"id": 99, "file_name": "mine.png", "height": 2, "width": 2})
    file.write_text(json.dumps(document))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    done = polymask.remove_masks(tmp_path)
    assert done.exit_code == 4
    assert file.exists()


def deleting(folder: Path) -> tuple[Path, Path]:
    """A file whose polygons were deleted for the masks of a folder, and the folder."""
    source, dest = folder / "instances.json", folder / "out"
    shutil.copy(SAMPLE, source)
    polymask.convert(source, dest, delete_source=True)
    return source, dest


def test_masks_of_deleted_polygons_stay_until_these_are_back(tmp_path: Path) -> None:
    """Refused with the command to follow; followed, the masks go, and the journal tells of both."""
    source, dest = deleting(tmp_path)
    before = tree(dest)
    with pytest.raises(InputError, match=r"put them back first: `polymask restore"):
        polymask.remove_masks(dest)
    assert tree(dest) == before
    polymask.restore(dest)
    done = polymask.remove_masks(dest)
    assert (done.retracted, done.exit_code, source.read_bytes()) == (3, 0, SAMPLE.read_bytes())
    left = tree(dest)
    assert all(path.startswith(".polymask/") for path in left)
    lines = [json.loads(line) for line in left[".polymask/journal.jsonl"].splitlines()]
    assert [len(line["masks"]) for line in lines if line["event"] == "removed"] == [3]


def test_after_it_the_folder_can_be_converted_into_again(tmp_path: Path) -> None:
    """Deletions, restoration and removal leave nothing that a new run stumbles over."""
    source, dest = deleting(tmp_path)
    polymask.restore(dest)
    polymask.remove_masks(dest)
    report = polymask.convert(source, dest, delete_source=True)
    assert (report.written, report.failures) == (3, [])
    polymask.restore(dest)
    assert source.read_bytes() == SAMPLE.read_bytes()


@pytest.mark.parametrize("layout", ["binary", "voc", "coco"])
@pytest.mark.parametrize("stop", range(0, 16, 3))
def test_a_removal_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, stop: int
) -> None:
    """After any file that went."""
    polymask.convert(SAMPLE, tmp_path, to=layout)
    original, removed = Root.remove, count()

    def remove(root: Root, path: str) -> None:
        if next(removed) == stop:
            raise KeyboardInterrupt
        original(root, path)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Root, "remove", remove)
        polymask.remove_masks(tmp_path)
    done = polymask.remove_masks(tmp_path)
    assert (done.failures, sorted(tree(tmp_path))) == ([], [])


def test_a_manifest_that_leads_out_of_the_folder_removes_nothing_there(tmp_path: Path) -> None:
    """A folder may come from anywhere."""
    dest, outside = tmp_path / "out", tmp_path / "precious.png"
    polymask.convert(SAMPLE, dest)
    shutil.copy(dest / "masks" / "harbor.png", outside)
    manifest = dest / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace("masks/harbor.png", "../precious.png"))
    assert polymask.remove_masks(dest).exit_code == 2
    assert outside.exists()


def test_a_manifest_that_names_the_journal_does_not_remove_it(tmp_path: Path) -> None:
    """What polymask keeps of deletions is no file of an image."""
    _, dest = deleting(tmp_path)
    polymask.restore(dest)
    journal, manifest = dest / ".polymask" / "journal.jsonl", dest / "manifest.jsonl"
    files = {".polymask/journal.jsonl": sha256(journal.read_bytes()).hexdigest()}
    lines = [json.loads(line) for line in manifest.read_text().splitlines()]
    lines[0]["files"] = files
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = journal.read_bytes()
    assert polymask.remove_masks(dest).exit_code == 2
    assert journal.read_bytes().startswith(before[:200])


def test_folders_without_a_manifest_are_left_alone(tmp_path: Path) -> None:
    """Nothing proves what is in them; one that is not there is an error."""
    (tmp_path / "labels.json").write_text("{}")
    done = polymask.remove_masks(tmp_path)
    assert (done.exit_code, done.retracted, list(tree(tmp_path))) == (0, 0, ["labels.json"])
    with pytest.raises(NotFound):
        polymask.remove_masks(tmp_path / "none")
    with pytest.raises(InputError, match="journal"):
        polymask.remove_masks(tmp_path, journal=tmp_path)
