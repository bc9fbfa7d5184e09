"""Whatever reads annotations or masks takes the limits: what `convert` was allowed, the others can be too."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import (
    LabelMap,
    LimitError,
    Limits,
    PolymaskError,
    compare,
    convert,
    encode_png,
    stats,
    verify,
)
from polymask.analysis.masks.mask_sets import open_masks
from polymask.analysis.verify import verify_folder
from polymask.codecs.png import encode_color
from polymask.layouts import LAYOUTS, layout_named
from polymask.report.html import preview
from polymask.training import MaskDataset
from tests.conftest import Run, square

Write = Callable[..., Path]
Reads = Callable[[Path, Limits | None], Any]
READABLE = [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")]
PIXELS = 6 * 8
TOO_FEW, ENOUGH = Limits(max_pixels=PIXELS - 1), Limits(max_pixels=PIXELS)
COMMANDS = {
    "stats": ["stats", "out"],
    "stats of annotations": ["stats", "instances.json"],
    "compare": ["compare", "out", "out", "--workers", "1"],
    "compare to annotations": ["compare", "instances.json", "out"],
    "preview": ["preview", "out", "-o", "report.html"],
    "preview of annotations": ["preview", "instances.json", "-o", "report.html"],
    "verify": ["verify", "out"],
    "verify against annotations": ["verify", "out", "--source", "instances.json"],
}


def _dataset(folder: Path, limits: Limits | None) -> object:
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "pictures/a.png").write_bytes(encode_color(np.zeros((6, 8, 3), np.uint8)))
    return MaskDataset(folder / "pictures", folder / "out", limits=limits)[0]


def _masks(folder: Path, limits: Limits | None) -> object:
    masks = open_masks(folder / "out", limits=limits)
    return [masks.decode(name) for name in masks.names]


def _preview(folder: Path, limits: Limits | None) -> object:
    return preview(folder / "out", folder / "report.html", limits=limits)


OF_MASKS: dict[str, Reads] = {
    "stats": lambda folder, limits: stats(folder / "out", limits=limits),
    "compare": lambda folder, limits: compare(folder / "out", folder / "out", limits=limits),
    "preview": _preview,
    "verify": lambda folder, limits: verify(folder / "out", limits=limits),
    "verify_folder": lambda folder, limits: verify_folder(folder / "out", limits=limits),
    "open_masks": _masks,
    "MaskDataset": _dataset,
}
OF_ANNOTATIONS: dict[str, Reads] = {
    "stats": lambda folder, limits: stats(folder / "instances.json", limits=limits),
    "compare": lambda folder, limits: compare(folder / "out", folder / "instances.json", limits=limits),
    "preview": lambda folder, limits: preview(
        [folder / "out", folder / "instances.json"], folder / "report.html", limits=limits
    ),
    "verify": lambda folder, limits: verify(folder / "out", source=folder / "instances.json", limits=limits),
    "from_source": lambda folder, limits: LabelMap.from_source(folder / "instances.json", limits=limits),
}


@pytest.fixture
def low_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the frame were above the default, which then nobody may use who was given limits."""
    monkeypatch.setitem(Limits.__init__.__kwdefaults__, "max_pixels", PIXELS - 1)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_the_flag_and_takes_it(
    coco_file: Write, tmp_path: Path, polymask_command: Run, command: str
) -> None:
    """A frame above --max-pixels is exit 2 with the flag's name; with the flag raised it passes."""
    convert(coco_file(), tmp_path / "out")
    name, *given = [
        tmp_path / part if part in ("out", "instances.json", "report.html") else part
        for part in COMMANDS[command]
    ]
    done = polymask_command(name, *given, "--max-pixels", PIXELS - 1)
    assert done.returncode == 2
    assert "6 × 8 px are more than 47; if that is right, raise --max-pixels" in done.stderr
    assert polymask_command(name, *given, "--max-pixels", PIXELS).returncode == 0


@pytest.mark.usefixtures("low_default")
@pytest.mark.parametrize("reads", OF_MASKS)
@pytest.mark.parametrize("layout", READABLE)
def test_masks_of_any_layout_are_read_within_the_limits_given(
    coco_file: Write, tmp_path: Path, layout: str, reads: str
) -> None:
    """One pixel more is a `LimitError` that names the flag; and nobody falls back to the default."""
    convert(coco_file(), tmp_path / "out", to=layout, max_pixels=PIXELS)
    for limits in (TOO_FEW, None):
        with pytest.raises(LimitError, match=r"6 × 8 px are more than 47; .* raise --max-pixels$"):
            OF_MASKS[reads](tmp_path, limits)
    OF_MASKS[reads](tmp_path, ENOUGH)


@pytest.mark.parametrize("layout", READABLE)
def test_a_file_of_masks_that_is_too_large_is_not_read(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """Above --max-bytes, whatever is in it."""
    convert(coco_file(), tmp_path / "out", to=layout)
    with pytest.raises(LimitError, match=r"\d+ bytes are more than 10; .* raise --max-bytes$"):
        _masks(tmp_path, Limits(max_bytes=10))


@pytest.mark.usefixtures("low_default")
@pytest.mark.parametrize("reads", OF_ANNOTATIONS)
def test_annotations_are_read_within_the_limits_given(coco_file: Write, tmp_path: Path, reads: str) -> None:
    """As masks are, by the same parameter."""
    convert(coco_file(), tmp_path / "out", max_pixels=PIXELS)
    for limits in (TOO_FEW, None):
        with pytest.raises(LimitError, match=r"6 × 8 px are more than 47; .* raise --max-pixels$"):
            OF_ANNOTATIONS[reads](tmp_path, limits)
    OF_ANNOTATIONS[reads](tmp_path, ENOUGH)


@pytest.mark.usefixtures("low_default")
def test_overlays_are_verified_within_the_limits_given(coco_file: Write, tmp_path: Path) -> None:
    """They are no masks, but proven like masks."""
    convert(coco_file(), tmp_path / "out", to="overlay", max_pixels=PIXELS)
    with pytest.raises(LimitError, match=r"overlay/a\.png: .*--max-pixels"):
        verify(tmp_path / "out")
    assert verify(tmp_path / "out", limits=ENOUGH).unchanged == 1


@pytest.mark.usefixtures("low_default")
def test_an_image_without_instances_is_held_to_the_limits_too(coco_file: Write, tmp_path: Path) -> None:
    """Its mask may be no file: the manifest alone tells its frame."""
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": n} for n in (1, 8)]
    annotations = [{"id": 1, "image_id": 1, "category_id": 3, "segmentation": [square(0, 0, 3)]}]
    source = coco_file(images=images, annotations=annotations)
    convert(source, tmp_path / "out", to="binary", max_pixels=PIXELS)
    with pytest.raises(LimitError, match=r"manifest\.jsonl: 8: 6 × 8 px .*--max-pixels"):
        open_masks(tmp_path / "out").decode("8")
    assert not open_masks(tmp_path / "out", limits=ENOUGH).decode("8").any()


@pytest.mark.usefixtures("low_default")
def test_bare_masks_above_the_limit_are_still_masks(tmp_path: Path) -> None:
    """A folder of PNGs that nothing explains is told to be too large, not to be no masks."""
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((6, 8), np.uint8)))
    with pytest.raises(LimitError, match=r"a\.png: .*--max-pixels"):
        stats(tmp_path)
    assert stats(tmp_path, limits=ENOUGH).to_dict()["background"] == PIXELS


@pytest.mark.usefixtures("low_default")
def test_large_pictures_beside_annotations_are_no_masks(coco_file: Write, tmp_path: Path) -> None:
    """Pictures are told from masks by their colors, however large they are."""
    coco_file()
    (tmp_path / "a.png").write_bytes(encode_color(np.zeros((9, 9, 3), np.uint8)))
    assert stats(tmp_path, limits=ENOUGH).labels["cat"]["instances"] == 1


@pytest.mark.usefixtures("low_default")
@pytest.mark.parametrize("layout", ["index", "binary", "voc"])
def test_polygons_are_deleted_within_the_limits_of_the_run(
    coco_file: Write, tmp_path: Path, layout: str
) -> None:
    """The stored masks are proven under the limits that they were made under."""
    path = coco_file()
    report = convert(path, tmp_path / "out", to=layout, max_pixels=PIXELS, delete_source=True)
    assert report.deleted == 2
    assert json.loads(path.read_text())["annotations"] == []


@pytest.mark.usefixtures("low_default")
@pytest.mark.parametrize("layout", ["index", "coco"])
def test_a_preview_of_a_run_keeps_its_limits(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """What `convert --dry-run --preview` reads again is held to the flags of `convert`."""
    options = {"to": layout, "max_pixels": PIXELS}
    convert(coco_file(), tmp_path / "out", **options)
    convert(coco_file(), tmp_path / "out", preview=tmp_path / "report.html", dry_run=True, **options)
    page = (tmp_path / "report.html").read_text()
    assert "a.jpg" in page
    assert "--max-pixels" not in page


@pytest.mark.usefixtures("low_default")
def test_a_preview_holds_pictures_to_the_limits_given(coco_file: Write, tmp_path: Path) -> None:
    """What `check` would find of a picture, under the limits of the preview."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/a.jpg").write_bytes(encode_color(np.zeros((6, 8, 3), np.uint8)))
    made = preview(coco_file(), tmp_path / "report.html", images=tmp_path / "pictures", limits=ENOUGH)
    assert list(made.findings) == []


def test_conflicts_beyond_counting_do_not_stop_a_preview(coco_file: Write, tmp_path: Path) -> None:
    """It is told of the one image, with the flag that raises the limit."""
    names = ("cat", "dog", "cow")
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    annotations = [
        {"id": number, "image_id": 1, "category_id": number, "segmentation": [square(1, 1, 3)], "iscrowd": 0}
        for number in range(1, 4)
    ]
    path = coco_file(categories=categories, annotations=annotations)
    made = preview(path, tmp_path / "report.html", limits=Limits(max_conflict_pairs=2))
    assert [note.partition(":")[0] for note in made.notes] == ["a.jpg"]
    assert "--max-conflict-pairs" in made.notes[0]


def test_what_is_too_large_is_not_told_to_be_damaged(coco_file: Write, tmp_path: Path) -> None:
    """A limit says nothing about a mask: it is raised, and not counted among the failures of a proof."""
    convert(coco_file(), tmp_path / "out")
    with pytest.raises(PolymaskError) as raised:
        verify_folder(tmp_path / "out", limits=TOO_FEW)
    assert raised.value.exit_code == 2


def test_a_mask_larger_than_its_image_is_held_to_the_limits(coco_file: Write, tmp_path: Path) -> None:
    """Though the annotations that it is verified against are within them."""
    source = coco_file()
    convert(source, tmp_path / "out")
    (tmp_path / "out/masks/a.png").write_bytes(encode_png(np.zeros((9, 9), np.uint8)))
    with pytest.raises(LimitError, match=r"a\.png: .*--max-pixels"):
        verify(tmp_path / "out", source=source, limits=ENOUGH)
