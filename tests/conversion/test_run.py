"""Converting a file from end to end: what is written, what is refused, what a second run does."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import polymask
from polymask import InputError, Unavailable, convert, decode_png
from polymask.conversion.dest.folder_sink import FolderSink
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.conversion.run import run_plan
from polymask.formats import open_annotations
from polymask.layouts import Drawn
from polymask.raster.mask_digest import mask_sha256
from polymask.storage.roots.local import Root
from tests.conftest import SAMPLE, coco, square, tree
from tests.support.oracles import drawn

Write = Callable[..., Path]
A = drawn("........", ".###....", ".##222..", ".##222..", "...222..", "........")


def many(count: int) -> dict[str, Any]:
    """A document of several images, each with a cat somewhere else."""
    return coco(
        images=[{"id": n, "file_name": f"{n:03}.jpg", "height": 20, "width": 30} for n in range(count)],
        annotations=[
            {"id": n, "image_id": n, "category_id": 3, "segmentation": [square(n % 20, n % 10, 7)]}
            for n in range(count)
        ],
    )


def test_index_masks_labels_and_manifest(coco_file: Write, tmp_path: Path) -> None:
    """The folder holds one mask an image, the label map, and a line for each mask."""
    convert(coco_file(), tmp_path / "out")
    files = tree(tmp_path / "out")
    assert list(files) == ["id2label.json", "labels.json", "manifest.jsonl", "masks/a.png"]
    mask = decode_png(files["masks/a.png"])
    assert (mask == A).all()
    labels = json.loads(files["labels.json"])
    assert [(label["name"], label["value"]) for label in labels["labels"]] == [("cat", 1), ("dog", 2)]
    assert (labels["background"], labels["void"]) == (0, 255)
    line = json.loads(files["manifest.jsonl"])
    source = line.pop("source_sha256")
    assert len(source) == 64
    assert line == {
        "name": "a.jpg",
        "mask": "masks/a.png",
        "height": 6,
        "width": 8,
        "mask_sha256": mask_sha256(mask),
        "pixel_rule": "center",
        "overlap": "last",
        "version": polymask.__version__,
    }


def test_the_report_adds_up(coco_file: Write, tmp_path: Path) -> None:
    """Instances, painted pixels and conflicts by label, as drawn by hand."""
    report = convert(coco_file(), tmp_path / "out").to_dict()
    assert report["labels"] == {"cat": {"instances": 1, "pixels": 7}, "dog": {"instances": 1, "pixels": 9}}
    assert report["conflicts"] == [
        {"labels": ("cat", "dog"), "pixels": 2, "winner": "dog", "won": {"dog": 2}}
    ]
    assert (report["images"], report["instances"], report["written"], report["unchanged"]) == (1, 2, 1, 0)
    assert report["conflict_pixels"] / report["labeled_pixels"] == 2 / 16


def test_every_image_gets_a_mask(coco_file: Write, tmp_path: Path) -> None:
    """Also one with no instances, all background; the report counts none of any label."""
    report, nothing = convert(coco_file(annotations=[]), tmp_path / "out"), {"instances": 0, "pixels": 0}
    assert report.labels == {"cat": nothing, "dog": nothing}
    assert not decode_png((tmp_path / "out/masks/a.png").read_bytes()).any()


def test_a_second_run_does_nothing(tmp_path: Path) -> None:
    """Same command, same folder: every image unchanged, no file touched."""
    convert(SAMPLE, tmp_path / "out", to="voc", instances=True)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    report = convert(SAMPLE, tmp_path / "out", to="voc", instances=True)
    assert (report.written, report.unchanged) == (0, 3)
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("layout", ["index", "binary", "voc", "coco"])
@pytest.mark.parametrize("workers", [2, 5])
def test_bytes_do_not_depend_on_the_number_of_workers(
    coco_file: Write, tmp_path: Path, layout: str, workers: int
) -> None:
    """One process or several write the same tree and tell the same."""
    path = coco_file(many(70))
    reports = [
        convert(path, tmp_path / name, to=layout, workers=number).to_dict()
        for name, number in (("one", 1), ("several", workers))
    ]
    assert tree(tmp_path / "one") == tree(tmp_path / "several")
    for report in reports:
        del report["seconds"]
    assert reports[0] == reports[1]


def test_an_executor_of_ones_own_is_used(coco_file: Write, tmp_path: Path) -> None:
    """Any concurrent.futures executor gives the same tree, and a second run does nothing."""
    path = coco_file(many(40))
    convert(path, tmp_path / "one")
    with ThreadPoolExecutor(3) as executor:
        convert(path, tmp_path / "threads", executor=executor)
        again = convert(path, tmp_path / "threads", executor=executor)
    assert tree(tmp_path / "one") == tree(tmp_path / "threads")
    assert (again.written, again.unchanged) == (0, 40)


def test_other_options_are_refused_before_anything_is_written(coco_file: Write, tmp_path: Path) -> None:
    """Rules, labels, and files of unknown origin are not overwritten unasked."""
    path, out = coco_file(), tmp_path / "out"
    convert(path, out)
    before = tree(out)
    for options in ({"overlap": "first"}, {"border": 1}, {"ids": "source"}, {"crowd": "void"}):
        with pytest.raises(InputError, match="--overwrite"):
            convert(path, out, **options)
    assert tree(out) == before
    (out / "manifest.jsonl").unlink()
    with pytest.raises(InputError, match="is there already"):
        convert(path, out)
    convert(path, out, ids="source", overwrite=True)
    assert set(np.unique(decode_png((out / "masks/a.png").read_bytes()))) == {0, 3, 7}


def test_an_edited_mask_fails_its_image_and_is_kept(coco_file: Write, tmp_path: Path) -> None:
    """What somebody painted by hand is not replaced; the other images are done."""
    path, out = coco_file(many(3)), tmp_path / "out"
    convert(path, out)
    (out / "masks/001.png").write_bytes(b"painted by hand")
    report = convert(path, out)
    assert [failure.name for failure in report.failures] == ["001.jpg"]
    assert (out / "masks/001.png").read_bytes() == b"painted by hand"
    assert convert(path, out, overwrite=True).written == 1
    assert convert(path, out).unchanged == 3


def test_a_second_source_joins_the_folder(coco_file: Write, tmp_path: Path) -> None:
    """Images chosen in two runs end in one manifest, sorted by name."""
    path, out = coco_file(many(30)), tmp_path / "out"
    convert(path, out, where=["00*"])
    convert(path, out, where=["01*", "02*"])
    names = [json.loads(line)["name"] for line in (out / "manifest.jsonl").read_text().splitlines()]
    assert names == [f"{n:03}.jpg" for n in range(30)]
    convert(path, tmp_path / "at once")
    assert tree(out) == tree(tmp_path / "at once")


def test_a_label_that_went_takes_its_binary_mask_along(coco_file: Write, tmp_path: Path) -> None:
    """With `overwrite`, no stale mask stays beside the new ones."""
    convert(coco_file(), tmp_path / "out", to="binary")
    convert(coco_file(annotations=coco()["annotations"][:1]), tmp_path / "out", to="binary", overwrite=True)
    assert [name for name in tree(tmp_path / "out") if name.startswith("masks")] == ["masks/a/cat.png"]


@pytest.mark.parametrize("name", ["a\0.jpg", "", "..", "con.jpg"])
def test_names_that_no_mask_can_have_are_refused_before_anything_is_written(
    coco_file: Write, tmp_path: Path, name: str
) -> None:
    """Exit 2, DEST untouched."""
    path = coco_file(images=[coco()["images"][0] | {"file_name": name}])
    with pytest.raises(InputError):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "C:\\a.jpg", "x/../../a.jpg"])
def test_names_that_lead_out_are_names_below_dest(coco_file: Write, tmp_path: Path, name: str) -> None:
    """What is left of them: nothing is written outside DEST."""
    path = coco_file(images=[coco()["images"][0] | {"file_name": name}])
    before = {entry.name for entry in tmp_path.iterdir()}
    convert(path, tmp_path / "out")
    assert {entry.name for entry in tmp_path.iterdir()} - before == {"out"}
    assert {entry.name for entry in (tmp_path / "out/masks").rglob("*.png")} == {"a.png"}


@pytest.mark.parametrize("names", [("a.jpg", "a.png"), ("A.jpg", "a.jpg"), ("a/b.jpg", "a/B.png")])
def test_names_that_collide_are_refused_before_anything_is_written(
    coco_file: Write, tmp_path: Path, names: tuple[str, str]
) -> None:
    """Two images whose masks would be one file, on any system."""
    images = [{"id": n, "file_name": name, "height": 4, "width": 4} for n, name in enumerate(names)]
    with pytest.raises(InputError, match="would both be written"):
        convert(coco_file(images=images, annotations=[]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_link_in_dest_is_refused_before_anything_is_written(coco_file: Write, tmp_path: Path) -> None:
    """`masks` being a link to elsewhere: nothing is written there."""
    outside, out = tmp_path / "outside", tmp_path / "out"
    outside.mkdir()
    out.mkdir()
    (out / "masks").symlink_to(outside)
    with pytest.raises(InputError, match="symbolic link"):
        convert(coco_file(), out)
    assert tree(outside) == {}


def test_a_dry_run_writes_nothing_and_tells_all(coco_file: Write, tmp_path: Path) -> None:
    """The report is that of the real run, also where there is nothing left to do."""
    path, out = coco_file(), tmp_path / "out"
    report = convert(path, out, dry_run=True)
    assert (report.labels["dog"]["pixels"], report.written) == (9, 1)
    assert not out.exists()
    convert(path, out)
    assert convert(path, out, dry_run=True).written == 0


def test_under_error_an_image_in_conflict_fails_and_others_are_done(coco_file: Write, tmp_path: Path) -> None:
    """The failure names the labels; the clean image has its mask."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    report = convert(coco_file(document), tmp_path / "out", overlap="error")
    assert [(f.name, "'cat' and 'dog'" in f.reason) for f in report.failures] == [("a.jpg", True)]
    assert [p.name for p in (tmp_path / "out/masks").iterdir()] == ["b.png"]


def test_pictures_are_copied_and_a_missing_one_fails_its_image(coco_file: Write, tmp_path: Path) -> None:
    """The bytes are the picture's own; without it there is no mask and no line."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "gone.jpg", "height": 6, "width": 8})
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / "a.jpg")
    out = tmp_path / "out"
    report = convert(coco_file(document), out, images=tmp_path / "pictures", copy_images=True)
    assert [failure.name for failure in report.failures] == ["gone.jpg"]
    assert "name the folder that holds it with --images DIR" in report.failures[0].reason
    assert (out / "images/a.jpg").read_bytes() == (tmp_path / "pictures/a.jpg").read_bytes()
    assert list(tree(out)) == [
        "id2label.json",
        "images/a.jpg",
        "labels.json",
        "manifest.jsonl",
        "masks/a.png",
    ]
    with pytest.raises(InputError, match="--images"):
        convert(coco_file(document), out, copy_images=True)


def test_pictures_of_the_source_itself_are_copied(coco_file: Write, tmp_path: Path) -> None:
    """Where it has them, nobody is asked where they are."""
    annotations = replace(open_annotations(coco_file()), picture=lambda index: b"picture %d" % index)
    run_plan(make_plan(annotations, tmp_path / "out", ConvertOptions(copy_images=True)))
    assert (tmp_path / "out/images/a.jpg").read_bytes() == b"picture 0"


def test_a_disk_that_fails_stops_the_run(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of one image, so the others are not tried."""
    tried = list[str]()

    def full(_: FolderSink, image: Drawn, __: str) -> None:
        tried.append(image.name)
        raise Unavailable("no space")

    monkeypatch.setattr(FolderSink, "write", full)
    with pytest.raises(Unavailable, match="no space"):
        convert(coco_file(many(3)), tmp_path / "out")
    assert tried == ["000.jpg"]


def test_what_was_written_is_made_to_last(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a single mask that was removed by hand; where nothing was written, nothing is synced."""
    path, out = coco_file(many(3)), tmp_path / "out"
    convert(path, out)
    synced, sync = list[Path](), Root.sync
    monkeypatch.setattr(Root, "sync", lambda root: (synced.append(root.path), sync(root)))
    convert(path, out)
    assert synced == []
    (out / "masks/001.png").unlink()
    convert(path, out)
    assert synced == [out]


def test_progress_is_told_of_every_image(coco_file: Write, tmp_path: Path) -> None:
    """How many there will be, then how many are done; the report tells how long that took."""
    told, done = list[int](), list[int]()
    progress = SimpleNamespace(start=told.append, advance=done.append)
    began = time.perf_counter()
    report = convert(coco_file(many(9)), tmp_path / "out", progress=progress)
    assert (told, sum(done)) == ([9], 9)
    assert 0 < report.seconds < time.perf_counter() - began


def test_what_a_limit_on_overlaps_advises_works_in_the_same_folder(tmp_path: Path) -> None:
    """Three labels on one pixel are three pairs: refused, and converted once the limit is raised."""
    (tmp_path / "a.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "a.jpg", "height": 2, "width": 2}],
                "categories": [{"id": n, "name": f"label {n}"} for n in (1, 2, 3)],
                "annotations": [
                    {"id": n, "image_id": 1, "category_id": n, "segmentation": [square(0, 0, 1)]}
                    for n in (1, 2, 3)
                ],
            }
        )
    )
    (failure,) = convert(tmp_path / "a.json", tmp_path / "out", max_conflict_pairs=2).failures
    assert "--max-conflict-pairs" in failure.reason
    assert convert(tmp_path / "a.json", tmp_path / "out", max_conflict_pairs=3).written == 1
