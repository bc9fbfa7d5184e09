"""Findings about annotations and their pictures."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import InputError, check, convert
from polymask.codecs.pictures import EXIF_ORIENTATION
from tests.conftest import coco, square

Write = Callable[..., Path]


def found(path: Path, **options: Any) -> list[tuple[str, object]]:
    return [(finding.kind, finding.instance) for finding in check(path, **options)]


def with_rings(*rings: list[float]) -> dict[str, Any]:
    return {"annotations": [{"id": 5, "image_id": 1, "category_id": 3, "segmentation": list(rings)}]}


@pytest.mark.parametrize(
    ("rings", "kinds"),
    [
        ([square(1, 1, 3)], []),
        ([[1, 1, 5, 4, 5, 1, 1, 4]], ["self-intersection"]),
        ([[0, 0, 4, 0, 4, 4, 2, 0, 0, 4]], ["self-touch"]),
        ([[1, 1, 1, 1, 4, 1, 4, 4]], ["duplicate-point"]),
        ([square(6, 1, 3)], ["out-of-frame"]),
        ([[1, 1, 3, 3, 5, 5]], ["self-touch", "zero-area"]),
        ([square(1.6, 1.6, 0.5)], ["tiny-part"]),
        ([square(1, 1, 3), square(2, 2, 3)], ["overlapping-parts"]),
        ([square(0, 0, 5), square(1, 1, 2)], ["overlapping-parts"]),
        ([square(0, 0, 2), square(4, 4, 2)], []),
    ],
)
def test_findings_of_rings_drawn_by_hand(
    coco_file: Write, rings: list[list[float]], kinds: list[str]
) -> None:
    """Each oddity has its kind; what is sound has none."""
    assert found(coco_file(**with_rings(*rings))) == [(kind, 5) for kind in kinds]


@pytest.mark.parametrize(
    ("side", "ring", "is_found"),
    [
        (40, [0.2, 0.2, 0.8, 0.2, 0.8, 1], True),
        (40, [0.2, 0.2, 1.1, 0.2, 0.8, 1], False),
        (8, [0.2, 0.2, 0.8, 0.2, 0.8, 1], False),
    ],
)
def test_shares_instead_of_pixels_are_found(
    coco_file: Write, side: int, ring: list[float], is_found: bool
) -> None:
    """In an image of more than 8 px, where all points lie in its first pixel."""
    images = [{"id": 1, "file_name": "a.jpg", "height": side, "width": side}]
    kinds = [kind for kind, _ in found(coco_file(images=images, **with_rings(ring)))]
    assert ("shares" in kinds) == is_found


def test_duplicate_ids_and_invalid_records_are_findings(coco_file: Write) -> None:
    """`check` never stops at them."""
    good = coco()["annotations"]
    document = coco(
        annotations=[*good, good[0] | {"segmentation": [square(4, 1, 1)]}, good[0] | {"category_id": 9}]
    )
    assert found(coco_file(document)) == [("invalid", 1), ("duplicate-id", 1), ("duplicate-id", 1)]


def picture(folder: Path, size: tuple[int, int], *, orientation: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    Image.new("RGB", size).save(folder / "a.jpg", exif=exif)
    return folder


@pytest.mark.parametrize(
    ("size", "orientation", "kinds"),
    [
        ((8, 6), 1, []),
        ((8, 6), 2, ["exif-rotated"]),
        ((8, 6), 3, ["exif-rotated"]),
        ((8, 6), 4, ["exif-rotated"]),
        ((6, 8), 1, ["size-mismatch"]),
        *(((8, 6), turned, ["exif-rotated"]) for turned in (5, 6, 7, 8)),
        ((6, 8), 6, ["exif-rotated"]),
        ((9, 6), 8, ["size-mismatch"]),
    ],
)
def test_pictures_are_compared(
    coco_file: Write, tmp_path: Path, size: tuple[int, int], orientation: int, kinds: list[str]
) -> None:
    """Another size, or one stored turned or mirrored, is told; also where the size stays the same."""
    images = picture(tmp_path / "pictures", size, orientation=orientation)
    assert found(coco_file(), images=images) == [(kind, None) for kind in kinds]


def test_a_missing_or_unreadable_picture_is_a_finding(coco_file: Write, tmp_path: Path) -> None:
    """Both are told, with the path."""
    (tmp_path / "pictures").mkdir()
    assert found(coco_file(), images=tmp_path / "pictures") == [("missing-image", None)]
    (tmp_path / "pictures/a.jpg").write_bytes(b"no picture")
    assert found(coco_file(), images=tmp_path / "pictures") == [("missing-image", None)]


@pytest.mark.parametrize("names", [("con.jpg", "b.jpg"), ("b.jpg", "B.png")])
def test_names_that_convert_refuses_block(coco_file: Write, tmp_path: Path, names: tuple[str, str]) -> None:
    """An unsafe name, and two that would be one mask, do not stop the check of what is left."""
    images = [{"id": n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names, 1)]
    path = coco_file(images=images)
    (tmp_path / "pictures").mkdir()
    kinds = [finding.kind for finding in check(path, images=tmp_path / "pictures")]
    assert kinds == ["image-name", "missing-image", "missing-image"]
    with pytest.raises(InputError):
        convert(path, tmp_path / "out")


@pytest.mark.timeout(20)
def test_a_pipe_is_no_picture(coco_file: Write, tmp_path: Path) -> None:
    """It is told of, and not waited for."""
    (tmp_path / "pictures").mkdir()
    os.mkfifo(tmp_path / "pictures/a.jpg")
    (finding,) = check(coco_file(), images=tmp_path / "pictures")
    assert (finding.kind, finding.message[-10:]) == ("missing-image", "not a file")


@pytest.mark.filterwarnings("error")
def test_a_large_picture_is_measured_by_its_header(
    coco_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No warning about its pixels, which are not read."""
    images = picture(tmp_path / "pictures", (8, 6))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    assert found(coco_file(), images=images) == []


def test_a_picture_of_another_size_beside_the_annotations_is_found(coco_file: Write) -> None:
    """Also where nobody names the pictures; that it is missing or damaged is not asked then."""
    path = coco_file()
    assert found(path) == []
    (path.parent / "a.jpg").write_bytes(b"no picture")
    assert found(path) == []
    Image.new("RGB", (12, 6)).save(path.parent / "a.jpg")
    assert found(path) == [("size-mismatch", None)]
