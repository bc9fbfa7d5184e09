"""What a run finds in DEST: its own, somebody's edits, somebody else's files, and traps."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import InputError, convert, decode_png
from polymask.codecs.png import encode_png, same_picture
from polymask.conversion.options import ConvertOptions
from polymask.conversion.plan import make_plan
from polymask.conversion.run import run_plan
from polymask.storage.roots.local import Root
from tests.conftest import ROOT, SAMPLE, coco, tree

Write = Callable[..., Path]


def many(count: int, side: int = 20) -> dict[str, Any]:
    return coco(
        images=[{"id": n, "file_name": f"{n:03}.jpg", "height": side, "width": side} for n in range(count)],
        annotations=[],
    )


@pytest.mark.parametrize("options", [{}, {"overwrite": True}])
def test_the_source_is_never_written_over(tmp_path: Path, options: dict[str, Any]) -> None:
    """DEST may hold the annotation file, but no output goes to its place, whatever is asked."""
    source = tmp_path / "annotations.json"
    source.write_bytes(SAMPLE.read_bytes())
    with pytest.raises(InputError, match="is what is read"):
        convert(source, tmp_path, to="coco", **options)
    labels = tmp_path / "labels.json"
    labels.write_text('["sea", "boat", "sun", "tree", "house", "flock"]')
    with pytest.raises(InputError, match="is what is read"):
        convert(source, tmp_path, labels=labels, **options)
    assert source.read_bytes() == SAMPLE.read_bytes()


@pytest.mark.parametrize(
    ("layout", "file"),
    [("coco", "annotations.json"), ("voc", "labelmap.txt"), ("voc", "ImageSets/Segmentation/train.txt"),
     ("index", "labels.json")],
)  # fmt: skip
def test_files_of_somebody_else_are_not_replaced(tmp_path: Path, layout: str, file: str) -> None:
    """What all images share is looked at before the first write, like masks."""
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        convert(SAMPLE, tmp_path, to=layout)
    assert tree(tmp_path) == {file: b"mine"}


def test_lists_hold_the_images_of_all_runs(tmp_path: Path) -> None:
    """Two runs over parts of a source leave what one run over all of it leaves."""
    convert(SAMPLE, tmp_path / "one", to="voc")
    for part in ("meadow*", "[!m]*"):
        convert(SAMPLE, tmp_path / "two", to="voc", where=[part])
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    convert(SAMPLE, tmp_path / "splits", to="voc", where=["meadow*"], split="val")
    convert(SAMPLE, tmp_path / "splits", to="voc", where=["[!m]*"])
    lists = tmp_path / "splits/ImageSets/Segmentation"
    assert ((lists / "val.txt").read_text(), (lists / "train.txt").read_text()) == (
        "meadow\n",
        "empty\nharbor\n",
    )


def test_a_file_of_all_images_keeps_those_of_earlier_runs(tmp_path: Path) -> None:
    """One COCO file holds all images: a run for a part of them drops none."""
    convert(SAMPLE, tmp_path, to="coco")
    before = tree(tmp_path)
    convert(SAMPLE, tmp_path, to="coco", where=["harbor*"], overwrite=True)
    assert tree(tmp_path) == before


def test_other_labels_never_leave_old_values_beside_new_ones(tmp_path: Path) -> None:
    """With `overwrite` too, a new label map takes all masks along or none."""
    convert(SAMPLE, tmp_path / "out")
    with pytest.raises(InputError, match="2 more masks under another label map"):
        convert(SAMPLE, tmp_path / "out", ids="source", where=["harbor*"], overwrite=True)
    assert (
        convert(SAMPLE, tmp_path / "out", ids="source", overwrite=True).written == 2
    )  # one is all background


def killed_at_the_end(out: Path) -> None:
    """A run that dies when everything is written, before it takes its note away."""
    program = (
        "import os; from polymask import convert; from polymask.storage.roots.local import Root\n"
        "Root.remove = lambda self, relative: os._exit(9)\n"
        f"convert({str(SAMPLE)!r}, {str(out)!r})"
    )
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False)
    assert (out / ".polymask/run.json").exists()


def test_an_edit_survives_an_interrupted_run(tmp_path: Path) -> None:
    """A run that did not finish may complete what it began, but not replace what the manifest has."""
    out = tmp_path / "out"
    convert(SAMPLE, out)
    edited = encode_png(decode_png((out / "masks/harbor.png").read_bytes()) * 0)
    (out / "masks/harbor.png").write_bytes(edited)
    killed_at_the_end(out)
    report = convert(SAMPLE, out)
    assert [failure.name for failure in report.failures] == ["harbor.png"]
    assert (out / "masks/harbor.png").read_bytes() == edited


def test_another_source_does_not_finish_a_run(coco_file: Write, tmp_path: Path) -> None:
    """An unfinished run is finished from what it was begun with."""
    killed_at_the_end(tmp_path / "out")
    with pytest.raises(InputError, match="unfinished run"):
        convert(coco_file(), tmp_path / "out")


@pytest.mark.parametrize("label", ["../../../victim", "/victim", "a/../../victim", ".."])
def test_a_manifest_from_elsewhere_deletes_nothing_outside(tmp_path: Path, label: str) -> None:
    """Names in it lead nowhere but below DEST."""
    out, victim = tmp_path / "out", tmp_path / "victim.png"
    victim.write_bytes(b"precious")
    convert(SAMPLE, out, to="binary")
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    for line in lines:
        line["labels"][label] = "00"
    (out / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    convert(SAMPLE, out, to="binary", overwrite=True)
    assert victim.read_bytes() == b"precious"


@pytest.mark.parametrize("change", [{"name": 5}, {"labels": 5}, {"mask": None}, {"sources": [[1]]}])
def test_a_damaged_manifest_is_refused_with_its_line(tmp_path: Path, change: dict[str, Any]) -> None:
    """Types are checked before anything is made of them."""
    convert(SAMPLE, tmp_path)
    first, *others = (tmp_path / "manifest.jsonl").read_text().splitlines()
    (tmp_path / "manifest.jsonl").write_text("\n".join([json.dumps(json.loads(first) | change), *others]))
    with pytest.raises(InputError, match="line 1 is damaged"):
        convert(SAMPLE, tmp_path)


@pytest.mark.parametrize("name", ["...jpg", "..jpg", "a .jpg", "x" * 255])
@pytest.mark.parametrize("layout", ["index", "binary"])
def test_names_that_become_unsafe_without_their_suffix_are_refused(
    coco_file: Write, tmp_path: Path, name: str, layout: str
) -> None:
    """Every path that would be written is looked at, not only the image's name."""
    path = coco_file(images=[coco()["images"][0] | {"file_name": name}])
    if (layout == "binary") == name.startswith("x"):  # here it is a folder, there a file with its suffix
        convert(path, tmp_path / "out", to=layout)
        assert all(file.startswith("masks/") or "/" not in file for file in tree(tmp_path / "out"))
        return
    with pytest.raises(InputError):
        convert(path, tmp_path / "out", to=layout)
    assert not (tmp_path / "out").exists()


def test_what_happened_between_planning_and_the_lock_is_seen(tmp_path: Path) -> None:
    """Two runs planned on an empty folder: the second to run finds what the first made."""
    plans = [
        make_plan(SAMPLE, tmp_path / "out", ConvertOptions(where=("harbor*",))),
        make_plan(SAMPLE, tmp_path / "out", ConvertOptions(where=("meadow*",), ids="source")),
    ]
    run_plan(plans[0])
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match="another label map"):
        run_plan(plans[1])
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_executors_of_the_standard_library_give_the_same_tree(
    coco_file: Write, tmp_path: Path, kind: str
) -> None:
    """Many folders, many threads: descriptors are not shared; jobs can be sent to processes."""
    path = coco_file(many(120))
    convert(path, tmp_path / "one", to="binary")
    context = get_context("forkserver")
    with (
        ThreadPoolExecutor(8) if kind == "threads" else ProcessPoolExecutor(2, mp_context=context) as executor
    ):
        convert(path, tmp_path / "other", to="binary", executor=executor)
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    """In DEST and among the pictures they are refused at once."""
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "labels.json")
    with pytest.raises(InputError, match="no regular file"):
        convert(SAMPLE, tmp_path / "out")
    (tmp_path / "pictures").mkdir()
    for name in ("harbor.png", "meadow.png", "empty.png"):
        os.mkfifo(tmp_path / "pictures" / name)
    with pytest.raises(InputError, match="no picture"):
        convert(SAMPLE, tmp_path / "copied", images=tmp_path / "pictures", copy_images=True)


def test_a_mask_written_by_another_version_of_a_library_is_the_same_mask(tmp_path: Path) -> None:
    """Pixels count, not bytes: what Pillow wrote is kept and is unchanged."""
    convert(SAMPLE, tmp_path)
    path = tmp_path / "masks/harbor.png"
    data = path.read_bytes()
    Image.open(path).save(path)
    assert path.read_bytes() != data
    assert convert(SAMPLE, tmp_path).unchanged == 3
    assert not same_picture(data, encode_png(decode_png(data) + 1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_does_not_wait_for_large_images(
    coco_file: Write, tmp_path: Path, number: signal.Signals
) -> None:
    """Workers in the middle of large images are ended, not waited for."""
    path = coco_file(many(64, side=6000))
    process = subprocess.Popen(
        [sys.executable, "-m", "polymask", "convert", str(path), str(tmp_path / "out"), "--workers", "2"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not list((tmp_path / "out").glob("masks/*")):
        time.sleep(0.02)
    watch = threading.Timer(20, process.kill)
    watch.start()
    process.send_signal(number)
    _, errors = process.communicate()
    watch.cancel()
    assert process.returncode == 128 + number, errors
    assert "run the same command again" in errors


def test_the_manifest_comes_after_everything_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a manifest speaks of is on the disk when the manifest is, whatever happens then."""
    steps: list[str] = []
    write, sync = Root.write, Root.sync
    monkeypatch.setattr(
        Root, "write", lambda self, path, *a, **o: (steps.append(path), write(self, path, *a, **o))
    )
    monkeypatch.setattr(Root, "sync", lambda self: (steps.append("sync"), sync(self)))
    convert(SAMPLE, tmp_path / "out")
    assert steps[-2:] == ["sync", "manifest.jsonl"]
    assert "masks/harbor.png" in steps[:-2]
