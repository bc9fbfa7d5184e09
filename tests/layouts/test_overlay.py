"""Overlays: pictures for people, with masks over them that can be told apart."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import polymask
from polymask import (
    ImageRecord,
    InputError,
    Instance,
    LabelMap,
    Polygon,
    ProofError,
    convert,
    verify,
)
from polymask.labels.palettes import label_colors, safe_color
from polymask.layouts import overlay
from polymask.layouts.common import contact_sheets
from polymask.layouts.overlay import ALPHA, GRAY
from tests.conftest import SAMPLE, coco, tree
from tests.support.layouts import picture


def test_a_mask_lies_see_through_on_gray_with_pure_outlines(coco_file, tmp_path):
    """Drawn by hand: the cat's inside is mixed, its rim and the dog's are not, the rest is gray."""
    convert(coco_file(), tmp_path / "out", to="overlay")
    mode, pixels = picture(tmp_path / "out/overlay/a.png")
    assert mode == "RGB"
    assert pixels[0, 7].tolist() == [GRAY] * 3
    assert pixels[1, 1].tolist() == list(safe_color(0))
    mixed = [round(GRAY * (1 - ALPHA) + c * ALPHA) for c in safe_color(1)]
    assert pixels[3, 4].tolist() == mixed
    assert pixels[2, 3].tolist() == list(safe_color(1))


def test_the_picture_shows_through(tmp_path):
    """What no label paints is the picture's own pixel."""
    convert(SAMPLE, tmp_path / "out", to="overlay", images=SAMPLE.parent / "images")
    _, pixels = picture(tmp_path / "out/overlay/empty.png")
    with Image.open(SAMPLE.parent / "images/empty.png") as image:
        assert (pixels == np.array(image.convert("RGB"))).all()
    _, pixels = picture(tmp_path / "out/overlay/harbor.png")
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_a_picture_that_is_missing_fails_its_image_alone(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (160, 120)).save(tmp_path / "pictures/empty.png")
    report = convert(SAMPLE, tmp_path / "out", to="overlay", images=tmp_path / "pictures")
    assert (report.failed, report.written) == (2, 1)


def test_the_label_maps_own_colors_are_asked_for(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="overlay", palette="voc")
    assert picture(tmp_path / "out/overlay/a.png")[1][1, 1].tolist() == [128, 0, 0]
    with pytest.raises(InputError, match="no palette 'vok'; did you mean 'voc'"):
        convert(coco_file(), tmp_path / "other", to="overlay", palette="vok")


def test_a_contact_sheet_shows_every_image(tmp_path):
    """Three thumbnails in a row, each 168 px wide with its margin and a caption below."""
    convert(SAMPLE, tmp_path / "out", to="overlay", images=SAMPLE.parent / "images")
    mode, pixels = picture(tmp_path / "out/contact-sheet-1.png")
    assert (mode, pixels.shape) == ("RGB", (182, 504, 3))
    assert all((pixels[:, at : at + 168] < 200).any() for at in (0, 168, 336))


def test_workers_and_runs_change_no_byte(tmp_path):
    for workers in (1, 2):
        convert(SAMPLE, tmp_path / f"{workers}", to="overlay", workers=workers)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert convert(SAMPLE, tmp_path / "1", to="overlay").unchanged == 3


def test_safe_colors_differ_in_lightness_or_hue():
    """The first sixteen are sixteen, and far from the gray below them."""
    colors = [safe_color(place) for place in range(16)]
    assert len(set(colors)) == 16
    named = label_colors(LabelMap.from_names(["cat", "dog"]), "safe")
    assert named == {1: safe_color(0), 2: safe_color(1), 255: (224, 224, 224)}


def test_a_changed_overlay_is_found(tmp_path):
    """The manifest's digest is over the overlay's own pixels."""
    convert(SAMPLE, tmp_path / "out", to="overlay")
    assert verify(tmp_path / "out").unchanged == 3
    Image.new("RGB", (160, 120)).save(tmp_path / "out/overlay/empty.png")
    with pytest.raises(ProofError, match="empty"):
        verify(tmp_path / "out")


@pytest.mark.parametrize("overlap", ["last", "first", "smallest", "void"])
@pytest.mark.parametrize("border", [0, 1])
def test_strips_show_what_the_whole_does(tmp_path, monkeypatch, overlap, border):
    """Outlines go on from strip to strip; thumbnails too."""
    options = {"to": "overlay", "images": SAMPLE.parent / "images", "overlap": overlap, "border": border}
    convert(SAMPLE, tmp_path / "whole", **options)
    monkeypatch.setattr(overlay, "STRIP_PIXELS", 7 * 160)
    convert(SAMPLE, tmp_path / "strips", **options)
    for name in ("harbor", "meadow", "empty"):
        whole, strips = (
            picture(tmp_path / f"{where}/overlay/{name}.png")[1] for where in ("whole", "strips")
        )
        assert (whole == strips).all()
    assert (tmp_path / "whole/manifest.jsonl").read_bytes() == (
        tmp_path / "strips/manifest.jsonl"
    ).read_bytes()


def test_a_thumbnail_is_made_of_blocks_that_strips_may_cut(monkeypatch):
    """However the rows come, the same small picture."""
    monkeypatch.setattr(contact_sheets, "THUMBNAIL", 5)
    pixels = np.random.default_rng(0).integers(0, 255, (103, 61, 3), np.uint8)
    made = []
    for rows in (1, 4, 7, 103):
        small = contact_sheets.ThumbnailBuilder((103, 61))
        for top in range(0, 103, rows):
            small.add(pixels[top : top + rows])
        made.append(small.png())
    assert set(made) == {made[0]}


def test_an_overlay_takes_few_bytes_a_pixel(tmp_path):
    """Mask, picture and PNG; nothing of the blending is as large as the frame."""
    side = 2048
    ring = [float(at) for point in [(9, 9), (2000, 30), (1500, 1990)] for at in point]
    annotation = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [ring]}
    image = {"id": 1, "file_name": "a.png", "height": side, "width": side}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco(images=[image], annotations=[annotation])))
    Image.new("RGB", (side, side), (9, 99, 199)).save(tmp_path / "a.png")
    convert(path, tmp_path / "warm", to="overlay", images=tmp_path)
    tracemalloc.start()
    convert(path, tmp_path / "out", to="overlay", images=tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / side**2 < 8 - 4, "Pillow itself holds 4 bytes a pixel, which are not traced"


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_turned_picture_is_upright_below_its_mask(coco_file, tmp_path, orientation):
    """White above, black below, as it is shown."""
    shown = np.zeros((6, 8, 3), np.uint8)
    shown[:3] = 255
    stored = {1: shown, 3: np.rot90(shown, 2), 6: np.rot90(shown)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", "PNG", exif=exif)
    convert(coco_file(annotations=[]), tmp_path / "out", to="overlay", images=tmp_path)
    assert (picture(tmp_path / "out/overlay/a.png")[1] == shown).all()


def test_many_bits_are_seen_from_black_to_white(coco_file, tmp_path):
    """A picture of 12 bits in 16 is neither white nor black."""
    values = np.linspace(100, 4000, 48).astype(np.uint16).reshape(6, 8)
    Image.fromarray(values).save(tmp_path / "a.jpg", "PNG")
    convert(coco_file(annotations=[]), tmp_path / "out", to="overlay", images=tmp_path)
    gray = picture(tmp_path / "out/overlay/a.png")[1][..., 0]
    assert (gray.min(), gray.max(), len(np.unique(gray))) == (0, 255, 48)


RECORD = ImageRecord(1, "a.jpg", (2, 4), (Instance(1, "cat", Polygon([(1, 0), (3, 0), (3, 2), (1, 2)])),))
PHOTO = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def test_a_record_in_memory_lies_over_its_picture(tmp_path):
    """An array, gray or with an alpha, a picture of Pillow, a file; where no label is, it shows as it is."""
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    alpha = np.dstack([PHOTO, np.full((2, 4), 255, np.uint8)])
    for image in (PHOTO, alpha, Image.fromarray(PHOTO), tmp_path / "a.png", str(tmp_path / "a.png")):
        pixels = polymask.overlay(RECORD, image)
        assert (pixels.dtype, pixels.shape) == (np.uint8, (2, 4, 3))
        assert (pixels[:, [0, 3]] == PHOTO[:, [0, 3]]).all()
        assert (pixels[:, 1:3] == safe_color(0)).all()
    assert (polymask.overlay(RECORD, PHOTO[..., 0])[:, 0] == PHOTO[:, 0, :1]).all()
    assert (polymask.overlay(RECORD)[:, 0] == GRAY).all()
    assert polymask.overlay(RECORD, np.zeros((4, 8), np.uint8)).shape == (2, 4, 3)


@pytest.mark.parametrize("labels", [["cat"], {"cat": 1}, LabelMap.from_names(["cat"])])
def test_a_label_map_has_its_own_colors(labels):
    """VOC's, where it names none; without a map they are color-blind-safe."""
    assert polymask.overlay(RECORD, label_map=labels)[0, 1].tolist() == [128, 0, 0]


def test_an_overlay_in_memory_is_that_of_the_layout(tmp_path):
    """The same pixels, for every image of the sample."""
    convert(SAMPLE, tmp_path / "out", to="overlay", images=SAMPLE.parent / "images")
    for record in polymask.read(SAMPLE):
        labels = LabelMap.load(tmp_path / "out/labels.json")
        safe = [replace(each, color=safe_color(n)) for n, each in enumerate(labels.labels)]
        pixels = polymask.overlay(
            record, SAMPLE.parent / "images" / record.name, label_map=replace(labels, labels=tuple(safe))
        )
        assert (pixels == picture(tmp_path / "out/overlay" / record.name)[1]).all()


def test_what_is_no_picture_is_refused(tmp_path):
    """Floats, planes of two, a file that is none."""
    (tmp_path / "a.png").write_text("no picture")
    for image in (PHOTO / 255, PHOTO[..., :2], tmp_path / "a.png"):
        with pytest.raises(InputError):
            polymask.overlay(RECORD, image)
