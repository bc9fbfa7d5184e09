"""Copies of pictures in the format that a loader looks for, under the name that the layout's lists say."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, convert
from polymask.codecs.picture_formats import as_format
from polymask.layouts import LAYOUTS, LayoutOptions, layout_named, picture_path
from tests.conftest import SAMPLE, tree
from tests.support.formats import written
from tests.support.layouts import picture

PICTURES = SAMPLE.parent / "images"


def saved(mode: str, kind: str, **extra: object) -> bytes:
    """A 3 × 2 picture of some mode, saved as some format."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 9
    stored = BytesIO()
    Image.fromarray(pixels).convert(mode).save(stored, kind, **extra)
    return stored.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_every_layout_takes_either_format(tmp_path: Path, layout: str, suffix: str) -> None:
    """The copy lies where the layout says, with that suffix, and is such a picture."""
    options = {"images": PICTURES, "copy_images": True, "picture_format": suffix}
    if layout == "dataloop" or (layout, suffix) == ("nnunet", "jpg"):
        with pytest.raises(InputError, match=r"leave --picture-format out"):
            convert(SAMPLE, tmp_path / "out", to=layout, **options)
        return
    assert not convert(SAMPLE, tmp_path / "out", to=layout, **options).failures
    place = LayoutOptions(label_map=None, picture_format=suffix)  # type: ignore[arg-type]
    path = tmp_path / "out" / picture_path(layout_named(layout), "harbor.png", place)
    assert path.suffix == f".{suffix}"
    with Image.open(path) as copy:
        assert copy.format == {"jpg": "JPEG", "png": "PNG"}[suffix]
        assert copy.size == (160, 120)


@pytest.mark.parametrize("layout", ["ade20k", "camvid", "cityscapes", "coco-stuff", "mmseg", "nnunet"])
def test_a_copy_lies_in_the_split_of_its_image(tmp_path: Path, layout: str) -> None:
    """Whatever its suffix has become: as many pictures in each folder as masks."""
    options = {"images": PICTURES, "copy_images": True, "split_ratio": "0.5,0,0.5", "seed": 3}
    suffix = "png" if layout == "nnunet" else "jpg"
    convert(SAMPLE, tmp_path / "out", to=layout, picture_format=suffix, **options)
    plain = LayoutOptions(label_map=None, splits={"harbor.png": "test"})  # type: ignore[arg-type]
    path = picture_path(layout_named(layout), "harbor.png", plain)
    assert (tmp_path / "out" / path).with_suffix(f".{suffix}").is_file()


@pytest.mark.parametrize(
    ("layout", "file", "named"),
    [
        ("camvid", "train.txt", "/train/harbor.jpg"),
        ("segnet", "train.txt", "train/harbor.jpg"),
        ("coco", "annotations.json", '"file_name":"harbor.jpg"'),
        ("coco-panoptic", "annotations/panoptic_train.json", '"file_name":"harbor.jpg"'),
        ("mmseg", "dataset.py", 'img_suffix=".jpg"'),
    ],
)
def test_lists_name_the_copies(tmp_path: Path, layout: str, file: str, named: str) -> None:
    """With the suffix that they have now; a second run adds nothing and changes nothing."""
    options = {"images": PICTURES, "copy_images": True, "picture_format": "jpg"}
    for _ in range(2):
        report = convert(SAMPLE, tmp_path / "out", to=layout, **options)
        assert named in (tmp_path / "out" / file).read_text()
    assert (report.written, report.unchanged) == (0, 3)


def test_a_picture_of_the_format_keeps_its_bytes() -> None:
    """JPEG is not compressed a second time."""
    data = saved("RGB", "JPEG")
    assert as_format(data, "jpg") == data


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_png_keeps_every_color(mode: str) -> None:
    """Of 8 bits and fewer."""
    data = saved(mode, "GIF" if mode == "P" else "TIFF")
    with opened(data) as before, opened(as_format(data, "png")) as after:
        assert (np.array(before.convert("RGB")) == np.array(after.convert("RGB"))).all()


def test_jpeg_is_near() -> None:
    """Without subsampling, and gray stays gray."""
    for mode in ("L", "RGB"):
        data = saved(mode, "PNG")
        with opened(data) as before, opened(as_format(data, "jpg")) as after:
            assert after.mode == mode
            assert np.abs(np.array(before, int) - np.array(after, int)).max() < 12


def test_the_orientation_goes_along() -> None:
    """Pixels stay as they are stored, as the mask's frame says: readers turn the copy as the picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved("RGB", "JPEG", exif=exif)
    with opened(as_format(data, "png")) as copy:
        assert copy.getexif()[0x0112] == 6
        assert copy.size == (3, 2)


def test_what_does_not_fit_is_refused() -> None:
    """Sixteen bits and transparency in a JPEG; sixteen bits in a picture of 8."""
    deep, clear = BytesIO(), BytesIO()
    Image.fromarray(np.full((2, 2), 999, np.uint16)).save(deep, "PNG")
    Image.new("RGBA", (2, 2), (1, 2, 3, 4)).save(clear, "PNG")
    for data, mode in ((deep, ""), (clear, ""), (deep, "RGB")):
        with pytest.raises(InputError, match="without loss"):
            as_format(data.getvalue(), "png" if mode else "jpg", mode=mode)
    assert as_format(deep.getvalue(), "png") == deep.getvalue()


@pytest.mark.parametrize(("layout", "suffix"), [("voc", "jpg"), ("coco-stuff", "jpg"), ("ade20k", "jpg")])
def test_what_a_loader_insists_on_is_told(tmp_path: Path, layout: str, suffix: str) -> None:
    """In a note that names the flag, which then makes the note go away; without copies there is none."""
    options = {"images": PICTURES, "copy_images": True}
    (note,) = convert(SAMPLE, tmp_path / "a", to=layout, **options).notes
    assert f"--picture-format {suffix}" in note
    assert not convert(SAMPLE, tmp_path / "b", to=layout, picture_format=suffix, **options).notes
    assert not convert(SAMPLE, tmp_path / "c", to=layout).notes


@pytest.mark.parametrize("layout", ["camvid", "coco", "index", "mmseg"])
def test_another_format_in_the_same_folder_is_refused(tmp_path: Path, layout: str) -> None:
    """Its lists would name pictures that are not there; --overwrite takes the old copies away."""
    options = {"to": layout, "images": PICTURES, "copy_images": True}
    convert(SAMPLE, tmp_path / "out", picture_format="jpg", where=["harbor*"], **options)
    before = tree(tmp_path / "out")
    with pytest.raises(InputError, match=r"another format|another layout"):
        convert(SAMPLE, tmp_path / "out", to=layout)
    assert tree(tmp_path / "out") == before
    if layout != "coco":  # which knows an image by its picture's name
        convert(SAMPLE, tmp_path / "out", overwrite=True, **options)
        convert(SAMPLE, tmp_path / "one", **options)
        assert tree(tmp_path / "out") == tree(tmp_path / "one")


def test_a_format_without_copies_is_refused(tmp_path: Path) -> None:
    """So is one that there is not."""
    with pytest.raises(InputError, match="add --copy-images"):
        convert(SAMPLE, tmp_path / "out", picture_format="png")
    with pytest.raises(InputError, match="no picture format 'gif'"):
        convert(SAMPLE, tmp_path / "out", picture_format="gif", images=PICTURES, copy_images=True)


def test_splits_of_coco_have_files_of_their_own(tmp_path: Path) -> None:
    """Their images, annotations and ids are those of annotations.json."""
    convert(SAMPLE, tmp_path / "out", to="coco", split_ratio="0.4,0.6", seed=1)
    whole = json.loads((tmp_path / "out/annotations.json").read_text())
    parts = [
        json.loads((tmp_path / f"out/annotations/instances_{split}.json").read_text())
        for split in ("train", "val")
    ]
    assert all(part["images"] for part in parts)
    for key in ("images", "annotations"):
        rows = sorted((row for part in parts for row in part[key]), key=lambda row: row["id"])
        assert rows == whole[key]
    for part in parts:
        ids = {image["id"] for image in part["images"]}
        assert {row["image_id"] for row in part["annotations"]} <= ids
        assert part["categories"] == whole["categories"]


def test_train_ids_of_coco_stuff_are_places(tmp_path: Path) -> None:
    """The ids' order, from 0 on, in the split's folder under mmsegmentation's name."""
    convert(SAMPLE, tmp_path / "out", to="coco-stuff", ids="source", split="val")
    ids = picture(tmp_path / "out/stuffthingmaps/harbor.png")[1]
    train_ids = picture(tmp_path / "out/annotations/val/harbor_labelTrainIds.png")[1]
    places = {value: place for place, value in enumerate(sorted(row["id"] for row in categories()))}
    assert set(np.unique(train_ids)) > {255}
    for value in np.unique(ids):
        assert set(np.unique(train_ids[ids == value])) == {255 if value == 255 else places[value + 1]}


def categories() -> list[dict[str, int]]:
    """Those of the sample."""
    rows: list[dict[str, int]] = json.loads(SAMPLE.read_text())["categories"]
    return rows


def unsuffixed(folder: Path, *names: str) -> Path:
    """A COCO file whose images' names have no suffix, and pictures that have one."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for at, name in enumerate(names):
        Image.new("RGB", (4, 3)).save(folder / f"pictures/{name}{('.png', '.jpg')[at % 2]}")
    images = [{"id": at, "file_name": name, "height": 3, "width": 4} for at, name in enumerate(names)]
    rings = {"category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 2]]}
    rows = [{"id": at, "image_id": at} | rings for at, _ in enumerate(names)]
    document = {"images": images, "categories": [{"id": 1, "name": "car"}], "annotations": rows}
    return written(folder / f"{names[0]}.json", document)


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"dataloop", "nnunet", "overlay"}))
def test_a_copy_of_a_picture_without_suffix_in_its_name_has_one(tmp_path: Path, layout: str) -> None:
    """That of the picture's file, by which readers know it; dots of a version stay in the name."""
    path = unsuffixed(tmp_path, "frame.1.2", "b")
    options = {"to": layout, "images": tmp_path / "pictures", "copy_images": True}
    for _ in range(2):
        report = convert(path, tmp_path / "out", **options)
    assert (report.written, report.unchanged, report.failures) == (0, 2, [])
    copies = {file.name for file in (tmp_path / "out").rglob("*") if "leftImg8bit" in file.name} or {
        Path(copy).name for copy in tree(tmp_path / "out") if "b.jpg" in copy or "1.2.png" in copy
    }
    end = "_leftImg8bit" if layout in ("cityscapes", "idd") else ""
    assert {f"frame.1.2{end}.png", f"b{end}.jpg"} <= copies
    assert opened(next((tmp_path / "out").rglob(f"b{end}.jpg")).read_bytes()).format == "JPEG"
    assert convert(path, tmp_path / "out", to=layout, overwrite=True).failures == []
    assert next((tmp_path / "out").rglob(f"b{end}.jpg"))  # a run without copies leaves them there


@pytest.mark.parametrize(
    ("layout", "file", "named"),
    [
        ("camvid", "train.txt", ["/train/a.png", "/train/b.jpg", "/train/c.png"]),
        ("mmseg", "dataset.py", ['img_suffix=".png"', 'img_suffix=".jpg"']),
        ("coco", "annotations.json", [f'"file_name":"{name}"' for name in ("a.png", "b.jpg", "c.png")]),
    ],
)
def test_lists_name_the_copies_of_earlier_runs_too(
    tmp_path: Path, layout: str, file: str, named: list[str]
) -> None:
    """A second run with other images keeps the suffixes of the first one's."""
    for names in (("a", "b"), ("c",)):
        path = unsuffixed(tmp_path, *names)
        convert(path, tmp_path / "out", to=layout, images=tmp_path / "pictures", copy_images=True)
    text = (tmp_path / "out" / file).read_text()
    assert all(name in text for name in named)


@pytest.mark.parametrize(
    ("size", "orientation", "fails"), [((24, 16), 1, 1), ((8, 12), 6, 0), ((8, 12), 1, 1)]
)
def test_a_picture_of_another_size_than_its_mask_is_not_copied(
    tmp_path: Path, size: tuple[int, int], orientation: int, fails: int
) -> None:
    """A pair of two sizes teaches nothing right; one that is shown turned is the annotated one."""
    document = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 12, "height": 8}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[2, 2, 8, 2, 8, 6]]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size).save(tmp_path / "a.jpg", exif=exif)
    report = convert(tmp_path / "a.json", tmp_path / "out", images=tmp_path, copy_images=True)
    assert (report.failed, report.written) == (fails, 1 - fails)
    assert all("its annotations are of 8 × 12" in failure.reason for failure in report.failures)
    assert convert(tmp_path / "a.json", tmp_path / "masks").written == 1
    shown = convert(tmp_path / "a.json", tmp_path / "shown", to="overlay", images=tmp_path, scale=0.5)
    assert (shown.failed, shown.written) == (fails, 1 - fails)
    assert all("its annotations are of 8 × 12" in failure.reason for failure in shown.failures)
