"""Converting a file from end to end: what is written, what is refused, what a second run does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import polymask
from polymask import InputError, LabelError, LimitError, convert, decode_png
from polymask.digest import pixels_sha256
from tests.conftest import ROOT, SAMPLE, coco, square, tree
from tests.oracles import drawn

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
        "pixels_sha256": pixels_sha256(mask),
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
    """Also one with no instances, all background."""
    convert(coco_file(annotations=[]), tmp_path / "out")
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
    """Any concurrent.futures executor gives the same tree."""
    path = coco_file(many(40))
    convert(path, tmp_path / "one")
    with ThreadPoolExecutor(3) as executor:
        convert(path, tmp_path / "threads", executor=executor)
    assert tree(tmp_path / "one") == tree(tmp_path / "threads")


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


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "C:\\a.jpg", "a\0.jpg", "x/../../a.jpg", "a/", ""])
def test_names_that_lead_out_are_refused_before_anything_is_written(
    coco_file: Write, tmp_path: Path, name: str
) -> None:
    """Exit 2, DEST untouched."""
    path = coco_file(images=[coco()["images"][0] | {"file_name": name}])
    with pytest.raises(InputError):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


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
    """The report is that of a real run, but for what changed."""
    report = convert(coco_file(), tmp_path / "out", dry_run=True)
    assert report.labels["dog"]["pixels"] == 9
    assert not (tmp_path / "out").exists()


def test_only_chosen_labels_are_painted_and_values_stay(coco_file: Write, tmp_path: Path) -> None:
    """`only` leaves other labels out; the numbers are those of the whole map."""
    convert(coco_file(), tmp_path / "out", only=["dog"])
    assert (decode_png((tmp_path / "out/masks/a.png").read_bytes()) == np.where(A == 2, 2, 0)).all()
    with pytest.raises(LabelError, match="did you mean 'dog'"):
        convert(coco_file(), tmp_path / "other", only=["dgo"])


def test_a_label_file_renumbers_and_merges(coco_file: Write, tmp_path: Path) -> None:
    """Two labels painted as one have one value and no conflict."""
    (tmp_path / "labels.txt").write_text("_background_\ncat -> animal\ndog -> animal\n")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt")
    assert report.labels == {"animal": {"instances": 2, "pixels": 16}}
    assert report.conflicts == ()


def test_a_label_that_is_not_in_the_file_is_refused_or_left_out(coco_file: Write, tmp_path: Path) -> None:
    """Never guessed: exit 2, or listed under `skip_invalid`."""
    (tmp_path / "labels.txt").write_text("cat\n")
    with pytest.raises(LabelError, match=r"'dog' .*\(1 instances\).*dog -> other"):
        convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", skip_invalid=True)
    assert [skipped.name for skipped in report.skipped] == ["dog"]
    assert report.labels == {"cat": {"instances": 1, "pixels": 9}}


def test_under_error_an_image_in_conflict_fails_and_others_are_done(coco_file: Write, tmp_path: Path) -> None:
    """The failure names the labels; the clean image has its mask."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "b.jpg", "height": 6, "width": 8})
    report = convert(coco_file(document), tmp_path / "out", overlap="error")
    assert [(f.name, "'cat' and 'dog'" in f.reason) for f in report.failures] == [("a.jpg", True)]
    assert [p.name for p in (tmp_path / "out/masks").iterdir()] == ["b.png"]


def test_masks_at_another_size_are_drawn_anew(coco_file: Write, tmp_path: Path) -> None:
    """Twice as large, a square has four times the pixels; runs are sampled."""
    runs = {"size": [6, 8], "counts": [0, 1, 47]}
    annotations = [*coco()["annotations"], {"id": 3, "image_id": 1, "category_id": 3, "segmentation": runs}]
    convert(coco_file(annotations=annotations), tmp_path / "out", size=(12, 16))
    small = A.copy()
    small[0, 0] = 1
    mask = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert (mask == small.repeat(2, axis=0).repeat(2, axis=1)).all()


def test_pictures_are_copied_and_a_missing_one_fails_its_image(coco_file: Write, tmp_path: Path) -> None:
    """The bytes are the picture's own; without it there is no mask and no line."""
    document = coco()
    document["images"].append({"id": 2, "file_name": "gone.jpg", "height": 6, "width": 8})
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures" / "a.jpg")
    out = tmp_path / "out"
    report = convert(coco_file(document), out, images=tmp_path / "pictures", copy_images=True)
    assert [failure.name for failure in report.failures] == ["gone.jpg"]
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


def test_unknown_options_are_refused_with_the_nearest_one(coco_file: Write, tmp_path: Path) -> None:
    """A misspelt option is no option."""
    with pytest.raises(InputError, match="did you mean 'overlap'"):
        convert(coco_file(), tmp_path / "out", overlaps="first")


def test_a_glob_that_matches_nothing_is_told(coco_file: Write, tmp_path: Path) -> None:
    """Rather than an empty folder."""
    with pytest.raises(InputError, match="matches none of 1 images"):
        convert(coco_file(), tmp_path / "out", where=["*.tif"])


def start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "polymask", "convert", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for_masks(out: Path, process: "subprocess.Popen[str]") -> None:
    while process.poll() is None and not list(out.glob("masks/*.png")):
        time.sleep(0.002)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_killed_half_way_and_started_again_ends_with_the_same_bytes(
    coco_file: Write, tmp_path: Path, workers: int
) -> None:
    """SIGKILL at different moments, then the same command: the tree of an undisturbed run."""
    path, killed = coco_file(many(400)), 0
    convert(path, tmp_path / "undisturbed")
    for moment in range(4):
        out = tmp_path / f"killed {moment}"
        process = start(path, out, "--workers", workers)
        wait_for_masks(out, process)
        time.sleep(moment * 0.02)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        convert(path, out)
        assert tree(out) == tree(tmp_path / "undisturbed")
    assert killed


def test_a_run_killed_half_way_refuses_other_options(coco_file: Write, tmp_path: Path) -> None:
    """What is half done is completed or overwritten on purpose, not mixed."""
    out = tmp_path / "out"
    process = start(coco_file(many(400)), out, "--workers", 1)
    wait_for_masks(out, process)
    process.kill()
    process.communicate()
    with pytest.raises(InputError, match="unfinished run"):
        convert(coco_file(many(400)), out, overlap="first")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_stops_cleanly(
    coco_file: Write, tmp_path: Path, number: signal.Signals, code: int, workers: int
) -> None:
    """The exit code tells the signal, nothing is traced, and a second run completes the first."""
    path, out = coco_file(many(3000)), tmp_path / "out"
    process = start(path, out, "--workers", workers)
    wait_for_masks(out, process)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    assert "Traceback" not in errors
    convert(path, out)
    assert len(list((out / "masks").iterdir())) == 3000


def test_labels_that_are_not_chosen_need_no_place_in_the_label_file(coco_file: Write, tmp_path: Path) -> None:
    """`only` with a file of the chosen labels alone; what is chosen and not there is still refused."""
    (tmp_path / "labels.txt").write_text("cat\n")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", only=["cat"])
    assert (report.labels, report.skipped) == ({"cat": {"instances": 1, "pixels": 9}}, [])
    with pytest.raises(LabelError, match="'dog' is not in the label map"):
        convert(coco_file(), tmp_path / "other", labels=tmp_path / "labels.txt", only=["dog"])


def test_a_label_file_and_the_sources_ids_exclude_each_other(coco_file: Write, tmp_path: Path) -> None:
    """Neither is ignored."""
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    with pytest.raises(InputError, match="--ids source and --labels"):
        convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", ids="source")


def test_a_size_beyond_the_limit_is_refused(coco_file: Write, tmp_path: Path) -> None:
    """Before anything is drawn, and the message names the flag that asked for it."""
    with pytest.raises(LimitError, match=r"--size: 200000 × 200000 px are more"):
        convert(coco_file(), tmp_path / "out", size=(200_000, 200_000))
    assert not (tmp_path / "out").exists()
