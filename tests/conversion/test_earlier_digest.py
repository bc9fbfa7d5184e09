"""Folders that an earlier build wrote: `pixels_sha256` in their manifests and claims, PNGs of another writer.

`earlier.zip` holds a small source and each layout of it, as that build left them.
"""

import json
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from polymask import InputError, ProofError, convert, decode_png, encode_png, restore, verify
from polymask.layouts import LAYOUTS
from polymask.provenance.digest import kind_of, pixels_sha256

EARLIER = Path(__file__).with_name("earlier.zip")
WITH_IDS = ("index", "voc", "cityscapes")
LATER = ("idd", "segnet", "nnunet", "hf")  # layouts that earlier builds did not have

REDRAWN = (
    "overlay",
)  # pages with a title and a legend now; what is there is proven, and replaced if asked to
MOVED = ("coco-panoptic",)  # masks lie elsewhere now; what lies there is read and proven as ever
SAYS_MORE = {
    "voc": ("ImageSets/Segmentation/trainval.txt", "labelmap.txt"),
    "camvid": ("train.txt",),
    "mmseg": ("dataset.py",),
}


@pytest.fixture(params=[name for name in LAYOUTS if name not in LATER])
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def unpacked(layout: str, path: Path) -> Path:
    with zipfile.ZipFile(EARLIER) as archive:
        archive.extractall(path, [name for name in archive.namelist() if name.startswith(f"{layout}/")])
    return path / layout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    with zipfile.ZipFile(EARLIER) as archive:
        return Path(archive.extract("instances.json", tmp_path))


@pytest.fixture
def folder(layout: str, tmp_path: Path) -> Path:
    return unpacked(layout, tmp_path)


def entries(folder: Path) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in (folder / "manifest.jsonl").read_bytes().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_masks_are_proven_by_the_digest_that_they_have(folder: Path) -> None:
    """Whatever wrote the files."""
    assert {kind_of(entry) for entry in entries(folder)} == {"pixels_sha256"}
    assert verify(folder).unchanged == 2


def test_a_mask_that_was_changed_since_is_found(tmp_path: Path) -> None:
    """One pixel is enough."""
    folder = unpacked("index", tmp_path)
    mask = decode_png((folder / "masks/a.png").read_bytes())
    mask[0, 0] = 1
    (folder / "masks/a.png").write_bytes(encode_png(mask))
    with pytest.raises(ProofError, match="not those of the manifest"):
        verify(folder)


def test_a_second_run_finds_all_of_it_unchanged(layout: str, source: Path, folder: Path) -> None:
    """No mask and no line is written for the digest's sake; lists and tables may say more than they did."""
    before = contents(folder)
    if layout in MOVED:
        with pytest.raises(InputError, match=r"of another layout or split.*choose another DEST"):
            convert(source, folder, to=layout)
        assert contents(folder) == before
        return
    report = convert(source, folder, to=layout, instances=layout in WITH_IDS)
    if layout in REDRAWN:
        masks = {name: data for name, data in before.items() if name.startswith("overlay/")}
        assert (report.failed, contents(folder).items() >= masks.items()) == (2, True)
        assert all("pass --overwrite" in failure.reason for failure in report.failures)
        assert convert(source, folder, to=layout, overwrite=True).written == 2
        assert verify(folder).unchanged == 2
        return
    missing = 2 if layout == "coco-stuff" else 0  # masks of train ids, which earlier builds did not write
    assert (report.written, report.unchanged, report.failed) == (missing, 2 - missing, 0)
    after = contents(folder)
    changed = {name for name in after if before.get(name) != after[name]}
    if not missing:
        assert changed <= {"contact-sheet-1.png", *SAYS_MORE.get(layout, ())}
    assert not [name for name in changed if name in before and name.endswith(".png")][1:]
    assert verify(folder).unchanged == 2


def test_a_mask_that_is_painted_anew_has_the_new_digest(source: Path, tmp_path: Path) -> None:
    """Beside one that is as it was."""
    folder = unpacked("index", tmp_path)
    document = json.loads(source.read_bytes())
    document["annotations"][2]["segmentation"] = [[0, 0, 7, 0, 0, 5]]
    source.write_text(json.dumps(document))
    (failure,) = convert(source, folder).failures
    assert "not what this run would write" in failure.reason
    report = convert(source, folder, overwrite=True, instances=True)
    assert (report.written, report.unchanged) == (1, 1)
    assert [kind_of(entry) for entry in entries(folder)] == ["pixels_sha256", "mask_sha256"]
    assert verify(folder).unchanged == 2


def test_a_line_whose_digest_was_of_other_pixels_is_mended(source: Path, tmp_path: Path) -> None:
    """The mask is the source's; what the manifest said of it was not."""
    folder = unpacked("index", tmp_path)
    text = (folder / "manifest.jsonl").read_text()
    wrong = pixels_sha256(np.zeros((6, 8), np.uint8))
    (folder / "manifest.jsonl").write_text(text.replace(str(entries(folder)[0]["pixels_sha256"]), wrong))
    assert convert(source, folder).written == 1
    assert [kind_of(entry) for entry in entries(folder)] == ["mask_sha256", "pixels_sha256"]
    assert verify(folder).unchanged == 2


@pytest.mark.parametrize("layout", ["index", "binary", "voc"])
def test_polygons_are_deleted_on_the_earlier_digest(layout: str, source: Path, folder: Path) -> None:
    """The stored mask is proven by the digest that it has, and so is the one painted again."""
    before = source.read_bytes()
    report = convert(source, folder, to=layout, instances=layout in WITH_IDS, delete_source=True)
    assert (report.deleted, report.failed) == (3, 0)
    assert {kind_of(entry) for entry in entries(folder)} == {"pixels_sha256"}
    restore(folder)
    assert source.read_bytes() == before
