"""A conversion from and to a store gives what one on disk gives, and keeps its promises."""

from io import BytesIO
from pathlib import Path
from threading import Lock
from time import sleep

import pytest
from PIL import Image

import polymask
from polymask import BackendError, InputError
from polymask.storage.remote.urls import Url
from tests.conftest import SAMPLE, Run, coco, tree
from tests.storage.conftest import put, stored

NAMES = ("harbor", "meadow", "empty")


def pictures(place: Path) -> Path:
    """A picture for each image of the sample."""
    place.mkdir()
    for name in NAMES:
        data = BytesIO()
        Image.new("RGB", (160, 120), (len(name), 9, 9)).save(data, "PNG")
        (place / f"{name}.png").write_bytes(data.getvalue())
    return place


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"to": "voc", "copy_images": True},
        {"to": "coco"},
        {"to": "binary"},
        {"to": "overlay"},
        {"to": "coco-panoptic", "split": "val"},
    ],
    ids=lambda options: options.get("to", "index"),
)
def test_every_object_is_the_file_that_a_disk_gets(
    options: dict[str, object], remote: Url, tmp_path: Path
) -> None:
    """Masks, tables, manifest and report; and a second run finds nothing to do."""
    images = pictures(tmp_path / "pictures")
    given = f"{put(remote / 'pictures', images)}" if options.get("to") in ("voc", "overlay") else None
    source = f"{put(remote / 'instances.json', SAMPLE)}"
    local = polymask.convert(SAMPLE, tmp_path / "out", **options | ({"images": images} if given else {}))
    for changed in (3, 0):
        report = polymask.convert(source, f"{remote}/out", images=given, **options)
        assert report.written == changed
    assert stored(remote / "out") == tree(tmp_path / "out")
    assert (report.labels, report.conflicts) == (local.labels, local.conflicts)


def test_what_reads_masks_reads_them_from_a_store(remote: Url, tmp_path: Path) -> None:
    """`verify`, `compare`, `stats`, `check`, `preview` and training sets, as from disk."""
    images = put(remote / "pictures", pictures(tmp_path / "pictures"))
    source, dest = f"{put(remote / 'a.json', SAMPLE)}", f"{remote}/out"
    polymask.convert(source, dest)
    polymask.convert(SAMPLE, tmp_path / "out")
    assert polymask.verify(dest).unchanged == polymask.verify(dest, source=source).unchanged == 3
    assert polymask.stats(dest).to_dict() == polymask.stats(tmp_path / "out").to_dict()
    assert polymask.compare(SAMPLE, dest).mean_iou == 1
    assert polymask.check(source, images=f"{images}") == polymask.check(SAMPLE, images=tmp_path / "pictures")
    from polymask.report.html import preview
    from polymask.training import MaskDataset

    made = preview([source, dest], tmp_path / "report.html", images=f"{images}")
    assert (len(made.facts), made.pictures) == (3, 3)
    assert [mask.shape for _, mask in MaskDataset(f"{images}", dest)] == [(120, 160)] * 3


def test_a_damaged_object_is_found_out(remote: Url) -> None:
    """`verify` reads every mask back."""
    polymask.convert(SAMPLE, f"{remote}")
    put(remote / "masks" / "harbor.png", stored(remote)["masks/meadow.png"])
    with pytest.raises(polymask.ProofError, match="harbor"):
        polymask.verify(f"{remote}")


def test_what_is_there_is_not_replaced_unasked(remote: Url) -> None:
    """As on disk: objects of nobody's run, masks under other rules, edited ones."""
    put(remote / "masks" / "harbor.png", b"mine")
    with pytest.raises(InputError, match="not in the manifest"):
        polymask.convert(SAMPLE, f"{remote}")
    polymask.convert(SAMPLE, f"{remote}", overwrite=True)
    with pytest.raises(InputError, match="other rules"):
        polymask.convert(SAMPLE, f"{remote}", overlap="first")
    put(remote / "masks" / "harbor.png", b"mine")
    assert "not what this run would write" in polymask.convert(SAMPLE, f"{remote}").failures[0].reason


def test_a_source_is_not_written_over(remote: Url) -> None:
    """A COCO file that lies where the layout `coco` writes its own."""
    source = f"{put(remote / 'annotations.json', SAMPLE)}"
    with pytest.raises(InputError, match="is what is read"):
        polymask.convert(source, f"{remote}", to="coco", overwrite=True)


def test_nothing_is_deleted_from_a_store(remote: Url, tmp_path: Path) -> None:
    """`--delete-source` and `restore` are for disks, and say so before anything is written."""
    source = f"{put(remote / 'a.json', SAMPLE)}"
    for a, b in ((source, tmp_path / "out"), (SAMPLE, f"{remote}/out"), (source, f"{remote}/out")):
        with pytest.raises(InputError, match="--delete-source is for disks"):
            polymask.convert(a, b, delete_source=True)
    with pytest.raises(InputError, match="nothing can be restored"):
        polymask.restore(f"{remote}/out")
    assert list(stored(remote)) == ["a.json"]


def test_a_run_that_broke_off_is_completed_by_the_next(
    remote: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever put fails: no manifest speaks of what is not there, and the end is that of one whole run."""
    polymask.convert(SAMPLE, tmp_path)
    store = remote.store
    real, puts = store.pipe_file, [0]

    def failing(path: str, data: bytes, **options: object) -> object:
        puts[0] += 1
        if puts[0] == fail_at:
            raise OSError("the network is gone")
        return real(path, data, **options)

    for fail_at in range(1, 8, 1 if remote.protocol == "memory" else 3):
        puts[0], dest = 0, remote / f"{fail_at}"
        with monkeypatch.context() as patch:
            patch.setattr(store, "pipe_file", failing)
            with pytest.raises(BackendError, match="the network is gone"):
                polymask.convert(SAMPLE, f"{dest}")
        assert "manifest.jsonl" not in stored(dest)
        polymask.convert(SAMPLE, f"{dest}")
        assert stored(dest) == tree(tmp_path)


def test_a_key_from_data_stays_below_dest(remote: Url, coco_file: "object") -> None:
    """An image's name becomes a key as it becomes a path: what is left of it below DEST."""
    images = [{"id": 1, "file_name": "../../a.jpg", "height": 6, "width": 8}]
    polymask.convert(coco_file(coco(images=images)), f"{remote}/out")  # type: ignore[operator]
    assert "out/masks/a.png" in stored(remote)
    assert all(key.startswith("out/") for key in stored(remote))


def test_the_command_line_takes_urls(bucket: Url, polymask_command: Run, many_images: "object") -> None:
    """With several processes, each of which opens the source itself; errors exit 3 and tell no secret."""
    path = many_images(90)  # type: ignore[operator]
    source, dest = f"{put(bucket / 'a.json', path)}", f"{bucket}/out"
    run = polymask_command("convert", source, dest, "--workers", 2, "--json")
    assert run.returncode == 0, run.stderr
    polymask.convert(path, path.parent / "out")
    assert stored(bucket / "out") == tree(path.parent / "out")
    for command in (("compare", source, dest), ("verify", dest)):
        run = polymask_command(*command)
        assert run.returncode == 0, run.stderr
    run = polymask_command("preview", source, "-o", f"{bucket}/report.html")
    assert run.returncode == 2
    assert "written to disk" in run.stderr
    run = polymask_command("convert", f"{bucket}/none.json", dest)
    assert run.returncode == 2
    assert f"{bucket}/none.json" in run.stderr


def test_puts_wait_together_and_never_more_than_sixteen(
    remote: Url, many_images: "object", monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a round trip costs a sixteenth, and memory holds sixteen images."""
    real, lock, under_way, most = remote.store.pipe_file, Lock(), [0], [0]

    def slow(path: str, data: bytes) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        sleep(0.02)
        real(path, data)
        with lock:
            under_way[0] -= 1

    monkeypatch.setattr(remote.store, "pipe_file", slow)
    polymask.convert(many_images(64), f"{remote}")  # type: ignore[operator]
    assert 8 <= most[0] <= 16


def test_a_dry_run_writes_nothing_to_a_store(remote: Url, tmp_path: Path) -> None:
    """Nor holds it."""
    report = polymask.convert(SAMPLE, f"{remote}", dry_run=True)
    assert (report.images, stored(remote)) == (3, {})
