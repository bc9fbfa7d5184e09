"""Night after night: masks of ours follow their changed source, and those of images that are gone go."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import InputError, PolymaskError, convert, decode_png, encode_png, stats, verify
from polymask.conversion.dest.folder_sink import FolderSink
from polymask.storage.manifest import MANIFEST
from tests.conftest import Run, coco, square, tree

LAYOUTS = ("index", "binary", "voc", "coco", "cityscapes", "onehot")
PERSONS: dict[str, Any] = {"cityscapes": {"labels": {"person": 24, "rider": 25}}}


def source(path: Path, *names: str, moved: float = 0, labels: tuple[str, ...] = ("person", "rider")) -> Path:
    """A file of images of 8 × 6 px, each with a person, and a rider that `moved` shifts to the right."""
    images = [{"id": n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names, 1)]
    annotations = [
        {
            "id": 2 * image["id"] + kind,
            "image_id": image["id"],
            "category_id": kind + 1,
            "segmentation": [square(1 + 2 * kind + moved * kind, 1, 2)],
        }
        for image in images
        for kind in (0, 1)
    ]
    categories = [{"id": n, "name": name} for n, name in enumerate(labels, 1)]
    path.write_text(json.dumps(coco(images=images, annotations=annotations, categories=categories)))
    return path


def lines(out: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, (out / MANIFEST).read_text().splitlines())}


def edit(mask: Path) -> bytes:
    """Somebody paints a pixel."""
    pixels = decode_png(mask.read_bytes())
    pixels[5, 7] = 1
    mask.write_bytes(encode_png(pixels))
    return mask.read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_follow_their_changed_source(tmp_path: Path, layout: str) -> None:
    """What a run from scratch would write, whatever the layout; without --update it is refused."""
    options: dict[str, Any] = {"to": layout, **PERSONS.get(layout, {})}
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out, **options)
    convert(source(file, "a.png", "b.png", moved=1), tmp_path / "anew", **options)
    before = tree(out)
    assert convert(file, out, **options).exit_code == 1
    assert convert(file, out, dry_run=True, **options).exit_code == 1
    assert tree(out) == before
    assert convert(file, out, update=True, dry_run=True, **options).written == 2
    assert tree(out) == before
    report = convert(file, out, update=True, **options)
    assert (report.failed, report.written) == (0, 2)
    assert tree(out) == tree(tmp_path / "anew")
    assert convert(file, out, update=True, **options).unchanged == 2


def test_an_edited_mask_is_told_and_stays(tmp_path: Path, polymask_command: Run) -> None:
    """Exit 4, as whatever somebody else changed; the others are done, and its advice works."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    painted = edit(out / "masks/a.png")
    source(file, "a.png", "b.png", moved=1)
    rehearsed = convert(file, out, update=True, dry_run=True)
    assert (rehearsed.exit_code, rehearsed.written, rehearsed.failed) == (4, 1, 1)
    run = polymask_command("convert", file, out, "--update")
    assert run.returncode == 4
    assert "masks/a.png was edited since polymask wrote it, and stays" in run.stderr
    assert (out / "masks/a.png").read_bytes() == painted
    assert stats(out).labels["rider"]["images"] == 2
    assert convert(file, out, update=True).written == 0
    (out / "masks/a.png").rename(tmp_path / "mine.png")
    assert convert(file, out, update=True).failed == 0
    assert verify(out).unchanged == 2


def test_edited_companions_are_no_mask_of_ours(tmp_path: Path) -> None:
    """Instance ids that somebody painted on stay, and their mask with them."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png"), out, instances=True)
    painted = edit(out / "instances/a.png")
    report = convert(source(file, "a.png", moved=1), out, instances=True, update=True)
    assert report.exit_code == 4
    assert (out / "instances/a.png").read_bytes() == painted


def test_a_mask_of_somebody_else_is_not_taken_over(tmp_path: Path) -> None:
    """What no manifest lists is refused as ever."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png"), out)
    (out / "masks/b.png").write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    with pytest.raises(InputError, match="not in the manifest"):
        convert(source(file, "a.png", "b.png"), out, update=True)


def test_new_labels_at_the_end_are_taken(tmp_path: Path) -> None:
    """What the table says of the masks that are there stays true; labels that move are refused."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    painted = edit(out / "masks/b.png")
    source(file, "a.png", "b.png", moved=1, labels=("person", "rider", "dog"))
    report = convert(file, out, update=True)
    assert (report.written, report.failed) == (1, 1)
    assert (out / "masks/b.png").read_bytes() == painted
    assert list(stats(out).labels) == ["person", "rider", "dog"]
    source(file, "a.png", "b.png", labels=("dog", "rider", "person"))
    with pytest.raises(InputError, match="another label map"):
        convert(file, out, update=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_of_images_that_are_gone_go(tmp_path: Path, layout: str) -> None:
    """Files, manifest lines and shares of joint files: what is left is what a run without them writes."""
    options: dict[str, Any] = {"to": layout, **PERSONS.get(layout, {})}
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png", "c.png"), out, **options)
    convert(source(file, "a.png", "c.png"), tmp_path / "anew", **options)
    before = tree(out)
    rehearsed = convert(file, out, prune=True, dry_run=True, **options)
    assert rehearsed.retracted == 1
    assert "would be removed: b.png" in rehearsed.notes[-1]
    assert tree(out) == before
    report = convert(file, out, prune=True, **options)
    assert (report.exit_code, report.retracted) == (0, 1)
    assert tree(out).keys() == tree(tmp_path / "anew").keys()
    assert (out / MANIFEST).read_bytes() == (tmp_path / "anew" / MANIFEST).read_bytes()
    assert verify(out).unchanged == 2
    assert convert(file, out, prune=True, **options).retracted == 0


def test_files_beside_a_pruned_mask_go_too(tmp_path: Path) -> None:
    """Instance ids, and the copy of the picture; never the picture itself."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for name in ("a.png", "b.png"):
        (pictures / name).write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    options: dict[str, Any] = {"to": "voc", "instances": True, "copy_images": True, "images": pictures}
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out, **options)
    assert convert(source(file, "a.png"), out, prune=True, **options).retracted == 1
    assert [path for path in tree(out) if "/b" in path] == []
    assert (pictures / "b.png").exists()


def test_an_edited_mask_of_a_gone_image_stays(tmp_path: Path) -> None:
    """It is told, and its line stays with it; so does one whose image may only be unreadable."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    painted = edit(out / "masks/b.png")
    report = convert(source(file, "a.png"), out, prune=True)
    assert (report.exit_code, report.retracted) == (0, 0)
    assert report.notes == [
        "b.png: the image is gone, but its mask stays: it was edited since polymask wrote it"
    ]
    assert (out / "masks/b.png").read_bytes() == painted
    assert sorted(lines(out)) == ["a.png", "b.png"]


def test_images_that_cannot_be_read_are_not_gone(tmp_path: Path) -> None:
    """A malformed record is left out by --skip-invalid: its mask is not taken away for that."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    document = json.loads(file.read_text())
    document["images"][1]["height"] = "six"
    file.write_text(json.dumps(document))
    report = convert(file, out, prune=True, skip_invalid=True)
    assert report.retracted == 0
    assert (out / "masks/b.png").exists()


@pytest.mark.parametrize("options", [{"where": ["a*"]}, {"shard": "1/2"}, {"only": ["person"]}])
def test_images_that_are_not_chosen_are_not_gone(tmp_path: Path, options: dict[str, Any]) -> None:
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    assert convert(file, out, prune=True, update=True, **options).retracted == 0
    assert (out / "masks/b.png").exists()


def test_the_wrong_source_prunes_nothing(tmp_path: Path) -> None:
    """Where no mask is of an image of SOURCE, DEST is probably another's."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    before = tree(out)
    with pytest.raises(InputError, match="none of the 2 masks"):
        convert(source(file, "x.png"), out, prune=True)
    assert tree(out) == before


def test_masks_of_deleted_polygons_stay(tmp_path: Path) -> None:
    """They are all that is left of them: neither updated nor pruned, whatever the source says."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out, delete_source=True)
    before = tree(out / "masks")
    assert convert(file, out, update=True, prune=True).failed == 0
    document = json.loads(file.read_text())
    document["images"] = document["images"][:1]
    file.write_text(json.dumps(document))
    report = convert(file, out, update=True, prune=True)
    assert report.retracted == 0
    assert "all that is left" in report.notes[-1]
    assert tree(out / "masks") == before


def test_a_pruning_run_that_was_stopped_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are gone before the manifest is written: the same command goes on."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(FolderSink, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            convert(source(file, "a.png"), out, prune=True)
    assert not (out / "masks/b.png").exists()
    assert sorted(lines(out)) == ["a.png", "b.png"]
    assert convert(file, out, prune=True).retracted == 1
    assert sorted(lines(out)) == ["a.png"]


def test_pruning_follows_no_links(tmp_path: Path) -> None:
    """Where the folder of masks became a link, what it leads to is not touched."""
    out, file = tmp_path / "out", tmp_path / "a.json"
    convert(source(file, "a.png", "b.png"), out)
    shutil.move(out / "masks", tmp_path / "elsewhere")
    (out / "masks").symlink_to(tmp_path / "elsewhere")
    before = tree(tmp_path / "elsewhere")
    with pytest.raises(PolymaskError, match="link"):
        convert(source(file, "a.png"), out, prune=True)
    assert tree(tmp_path / "elsewhere") == before
