"""Pictures are found in one way, whatever the format and the command."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from polymask import InputError, NotFound, check, compare, convert, stats
from polymask.codecs.picture_files import PictureFinder
from polymask.formats import ReadOptions, open_annotations
from polymask.report.html import preview
from polymask.storage.source_files import Place

CAFE = unicodedata.normalize("NFC", "café.png")
CAFE_APART = unicodedata.normalize("NFD", "café.png")


def picture(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def finder(tmp_path: Path, *, below: bool = True) -> PictureFinder:
    return PictureFinder(Place(tmp_path), tmp_path if below else None)


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("a.png", "a.png"),
        ("a.JPG", "a.jpg"),
        ("a.jpg", "a.JPG"),
        ("a b.png", "a%20b.png"),
        ("a%20b.png", "a%20b.png"),
        (CAFE, CAFE_APART),
        (CAFE_APART, CAFE),
        ("ds1/img/a.png", "ds1/a.png"),
        ("project/ds1/img/a.png", "ds1/a.png"),
        ("deep/er/a.png", "a.png"),
        (f"deep/{CAFE_APART}", CAFE),
        ("deep/a b.JPG", "a%20b.jpg"),
    ],
)
def test_a_picture_is_found_below_images(tmp_path: Path, stored: str, name: str) -> None:
    """By its name as it stands, percent-decoded, composed, with a suffix in either case, in any folder."""
    path = picture(tmp_path / stored)
    file = finder(tmp_path).find(name)
    assert file is not None
    assert file.path == path


def test_a_name_as_it_stands_comes_first(tmp_path: Path) -> None:
    for stored in ("a b.png", "a%20b.png"):
        picture(tmp_path / stored)
    file = finder(tmp_path).find("a%20b.png")
    assert file is not None
    assert file.name == "a%20b.png"


@pytest.mark.parametrize("stored", ["val/a.png", "a.png.txt", "b.png"])
def test_another_picture_is_not_guessed(tmp_path: Path, stored: str) -> None:
    """Nor is one in a folder that the name does not tell."""
    (tmp_path / stored).parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 6)).save(tmp_path / stored, "PNG")
    assert finder(tmp_path).find("train/a.png") is None


def test_of_several_pictures_of_a_name_none_is_taken(tmp_path: Path) -> None:
    """But one in a folder for pictures comes before a mask of the same name."""
    picture(tmp_path / "ds1/masks/a.png")
    path = picture(tmp_path / "ds1/img/a.png")
    file = finder(tmp_path).find("a.png")
    assert file is not None
    assert file.path == path
    picture(tmp_path / "ds2/img/a.png")
    with pytest.raises(InputError, match=r"2 pictures below .* have this name, e.g. ds1/img/a.png and ds2"):
        finder(tmp_path).find("a.png")


def test_a_decoded_name_stays_below_the_folder(tmp_path: Path) -> None:
    picture(tmp_path / "secret.png")
    (tmp_path / "images").mkdir()
    assert PictureFinder(Place(tmp_path), tmp_path / "images").find("..%2Fsecret.png") is None


@pytest.mark.parametrize("stored", ["a.png", "img/a.png", "images/a.png", "JPEGImages/a.png", "../img/a.png"])
def test_a_picture_is_found_beside_its_annotations(tmp_path: Path, stored: str) -> None:
    """In their folder, or where tools keep pictures beside it."""
    (tmp_path / "ann").mkdir()
    picture(tmp_path / "ann" / stored)
    place = Place(tmp_path / "ann")
    (tmp_path / "ann/a.json").write_text("{}")
    assert PictureFinder(place).find("a.png", beside="a.json") is not None


@pytest.fixture
def supervisely(tmp_path: Path) -> Path:
    """A project: `ds1/ann/a.png.json` with a square, and the picture, of another size, in `ds1/img`."""
    points = {"exterior": [[1, 1], [4, 1], [4, 4], [1, 4]], "interior": []}
    square = {"classTitle": "cat", "geometryType": "polygon", "points": points}
    document = {"size": {"height": 6, "width": 8}, "objects": [square]}
    project = tmp_path / "project"
    (project / "ds1/ann").mkdir(parents=True)
    (project / "ds1/ann/a.png.json").write_text(json.dumps(document))
    (project / "meta.json").write_text(json.dumps({"classes": [{"title": "cat", "shape": "polygon"}]}))
    picture(project / "ds1/img/a.png", (9, 6))
    return project


def test_superviselys_pictures_are_found_by_every_command(supervisely: Path, tmp_path: Path) -> None:
    """With `--images project` and, where pictures are only shown, without."""
    kinds = [finding.kind for finding in check(supervisely, images=supervisely)]
    assert kinds == ["size-mismatch"]
    report = convert(supervisely, tmp_path / "out", images=supervisely, copy_images=True)
    assert "the picture is 6 × 9 px" in report.failures[0].reason  # found, and of another size
    for source in (supervisely, supervisely / "ds1", supervisely / "ds1/ann/a.png.json"):
        assert "the picture is 6 × 9 px" in preview(source, tmp_path / "a.html").unshown[0]
    assert (
        "the picture is 6 × 9 px" in preview(supervisely, tmp_path / "b.html", images=supervisely).unshown[0]
    )
    picture(supervisely / "ds1/img/a.png", (8, 6))
    for source in (supervisely, supervisely / "ds1", supervisely / "ds1/ann/a.png.json"):
        assert preview(source, tmp_path / "a.html").pictures == 1
    assert preview(supervisely, tmp_path / "b.html", images=supervisely).pictures == 1


def via(path: Path, *names: str) -> Path:
    square = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 2}
    region = {"shape_attributes": square, "region_attributes": {"kind": "cat"}}
    images: dict[str, Any] = {name: {"filename": name, "size": 1, "regions": [region]} for name in names}
    path.write_text(json.dumps(images))
    return path


def test_vias_pictures_are_found_in_folders_below_images(tmp_path: Path) -> None:
    picture(tmp_path / "pictures/day/a.JPG")
    path = via(tmp_path / "via.json", "a.jpg")
    options = ReadOptions(images=tmp_path / "pictures")
    assert open_annotations(path, options=options).decode(0).frame == (6, 8)


def test_missing_pictures_are_refused_at_once(tmp_path: Path) -> None:
    """With how many there are and the first names, before any image is painted or anything is written."""
    path = via(tmp_path / "via.json", *(f"{number}.png" for number in range(7)))
    message = r"via.json: 7 of 7 images have no picture \(0.png, .*4.png, …\).*--images DIR"
    with pytest.raises(InputError, match=message):
        stats(path)
    for act in (
        lambda: convert(path, tmp_path / "out"),
        lambda: compare(f"{path}", f"{path}"),
        lambda: preview(path, tmp_path / "a.html"),
    ):
        with pytest.raises(InputError, match=message):
            act()
    assert not (tmp_path / "out").exists()
    picture(tmp_path / "3.png")
    with pytest.raises(InputError, match="6 of 7 images have no picture"):
        stats(path)
    report = convert(path, tmp_path / "out")  # the others are done
    assert (report.written, report.failed) == (1, 6)


def test_a_folder_of_pictures_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = via(tmp_path / "via.json", "a.png")
    with pytest.raises(NotFound, match="no such file or folder"):
        stats(path, images=tmp_path / "nowhere")


@pytest.mark.parametrize("below", [True, False])
def test_of_pictures_of_one_stem_that_differ_in_size_none_is_taken(tmp_path: Path, below: bool) -> None:
    """The error names both; of one size, the first kind is taken."""
    picture(tmp_path / "a.png", (20, 16))
    first = picture(tmp_path / "a.jpg", (20, 16))
    file = finder(tmp_path, below=below).find_stem("a")
    assert file is not None
    assert file.path == first
    picture(tmp_path / "a.jpg", (40, 16))
    with pytest.raises(InputError, match=r"differ in size: .*a\.jpg and .*a\.png"):
        finder(tmp_path, below=below).find_stem("a")


@pytest.mark.parametrize("stored", ["scan.v1.png", "scan.v1.JPG", "deep/scan.v1.tif"])
def test_a_name_without_suffix_is_that_of_its_picture(tmp_path: Path, stored: str) -> None:
    """Whatever kind it is of; what is behind another dot is no suffix."""
    picture(tmp_path / "scan.v2.png")
    path = picture(tmp_path / stored)
    file = finder(tmp_path).find("scan.v1")
    assert file is not None
    assert file.path == path


def test_what_a_picture_may_be_called_besides_is_looked_for_too(tmp_path: Path) -> None:
    """The first name comes first, and where both are there they have to be of one size."""
    own, other = picture(tmp_path / "a.png"), picture(tmp_path / "img/b.png")
    file = finder(tmp_path).find("img/b.png", "a.png")
    assert file is not None
    assert file.path == other
    file = finder(tmp_path).find("img/c.png", "a.png")
    assert file is not None
    assert file.path == own
    picture(own, (9, 9))
    with pytest.raises(InputError, match="differ in size"):
        finder(tmp_path).find("img/b.png", "a.png")
