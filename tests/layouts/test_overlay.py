"""Overlays: pictures for people, with masks over them that can be told apart."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import polymask
from polymask import (
    ImageRecord,
    InputError,
    Instance,
    LabelMap,
    LimitError,
    Polygon,
    ProofError,
    convert,
    verify,
)
from polymask.codecs.png import encode_color_strips
from polymask.labels.palettes import label_colors, safe_color
from polymask.layouts.overlays import blending, contact_sheets, lettering
from polymask.layouts.overlays.blending import ALPHA, GRAY
from polymask.layouts.overlays.figures import Caption, _Page, caption_in, parts_of
from polymask.layouts.overlays.legends import LegendRow, _last_line
from tests.conftest import SAMPLE, coco, tree
from tests.support.layouts import picture


def shown(path):
    """The picture in a figure, without title and legend."""
    return parts_of(path.read_bytes())[0]


def test_a_mask_lies_see_through_on_gray_with_a_double_outline():
    """Drawn by hand: a square of 7 px has a rim in its color, within it a black one, and is mixed inside."""
    ring = [(1, 1), (8, 1), (8, 8), (1, 8)]
    pixels = polymask.overlay(ImageRecord(1, "a.jpg", (9, 9), (Instance(1, "cat", Polygon(ring)),)))
    mixed = [round((GRAY * (100 - ALPHA) + c * ALPHA) / 100) for c in safe_color(0)]
    black, rim, ground = [0, 0, 0], list(safe_color(0)), [GRAY] * 3
    assert pixels[4].tolist() == [ground, rim, black, mixed, mixed, mixed, black, rim, ground]
    assert (pixels[1, 1:8] == rim).all()


def test_the_inner_line_of_a_dark_label_is_white():
    """So that one line of the two stands out on any ground."""
    ring = [(1, 1), (8, 1), (8, 8), (1, 8)]
    record = ImageRecord(1, "a.jpg", (9, 9), (Instance(1, "cat", Polygon(ring)),))
    assert polymask.overlay(record, label_map=["cat"])[4, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize(("side", "line"), [(100, 1), (1200, 2), (3000, 5)])
def test_outlines_grow_with_the_picture(side, line):
    """Shrunk to a screen, each line is still a pixel or more."""
    assert blending.line_width((side, side)) == line
    owners = np.zeros((1, 40), np.int32)
    owners[:, 20:] = 1
    outer, inner = blending.outlines(owners, line)
    assert (outer[0, 20:].sum(), inner[0, 20:].sum()) == (line, line)


def test_a_color_is_the_labels_whatever_the_pictures_is():
    """Red and blue of one lightness look the same below a label; what no label paints keeps its color."""
    ring = [(0, 0), (9, 0), (9, 9), (0, 9)]
    record = ImageRecord(1, "a.jpg", (9, 12), (Instance(1, "cat", Polygon(ring)),))
    red, blue = np.zeros((9, 12, 3), np.uint8), np.zeros((9, 12, 3), np.uint8)
    red[..., 0], blue[..., 2] = 57, 150  # 0.299 * 57 = 0.114 * 150
    over_red, over_blue = polymask.overlay(record, red), polymask.overlay(record, blue)
    assert (over_red[:, :9] == over_blue[:, :9]).all()
    assert (over_red[:, 10:] == red[:, 10:]).all()


def test_the_picture_shows_through(tmp_path):
    """What no label paints is the picture's own pixel."""
    convert(SAMPLE, tmp_path / "out", to="overlay", images=SAMPLE.parent / "images")
    pixels = shown(tmp_path / "out/overlay/empty.png")
    with Image.open(SAMPLE.parent / "images/empty.png") as image:
        assert (pixels == np.array(image.convert("RGB"))).all()
    pixels = shown(tmp_path / "out/overlay/harbor.png")
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10


def test_a_picture_that_is_missing_fails_its_image_alone(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (160, 120)).save(tmp_path / "pictures/empty.png")
    report = convert(SAMPLE, tmp_path / "out", to="overlay", images=tmp_path / "pictures")
    assert (report.failed, report.written) == (2, 1)


def test_the_label_maps_own_colors_are_asked_for(coco_file, tmp_path):
    convert(coco_file(), tmp_path / "out", to="overlay", palette="voc")
    assert shown(tmp_path / "out/overlay/a.png")[1, 1].tolist() == [128, 0, 0]
    with pytest.raises(InputError, match="no palette 'vok'; did you mean 'voc'"):
        convert(coco_file(), tmp_path / "other", to="overlay", palette="vok")


def test_a_contact_sheet_shows_every_image(tmp_path):
    """Three thumbnails in a row of cells of 200 px, below title and legend, on white."""
    convert(SAMPLE, tmp_path / "out", to="overlay", images=SAMPLE.parent / "images")
    mode, pixels = picture(tmp_path / "out/contact-sheet-1.png")
    assert (mode, pixels.shape[1]) == ("RGB", 28 + 3 * 200 + 2 * 16 + 28)
    assert (pixels[:28] == 255).all()
    harbor = shown(tmp_path / "out/overlay/harbor.png")
    found = [
        (row, column)
        for row in range(pixels.shape[0] - 120)
        for column in range(pixels.shape[1] - 160)
        if (pixels[row, column : column + 160] == harbor[0]).all()
        and (pixels[row : row + 120, column : column + 160] == harbor).all()
    ]
    assert found == [(166, 28 + 216 + 20)]


def test_many_images_make_several_sheets_each_with_its_own_legend(monkeypatch):
    """Counts are summed by label, void comes last, and the sheets are numbered."""
    seen = []
    monkeypatch.setattr(contact_sheets, "SHEET", 2)
    monkeypatch.setattr(contact_sheets, "write", lambda pen, at, text, **looks: seen.append(text))
    rows = [LegendRow("void", (9, 9, 9), 0, 50), LegendRow("cat", (1, 2, 3), 2, 10)]
    small = contact_sheets.thumbnail_png(np.zeros((4, 8, 3), np.uint8), Caption("a.jpg", (4, 8), rows))
    assert len(list(contact_sheets.contact_sheets([small] * 3))) == 2
    assert seen[:3] == ["3 images", "Page 1 of 2", "4 instances · 1 label"]
    assert seen[3:5] == ["a.jpg", "2 instances · 1 label"]
    assert contact_sheets._all_labels([Caption("a.jpg", (4, 8), rows)] * 2) == [
        LegendRow("cat", (1, 2, 3), 4, 20), LegendRow("void", (9, 9, 9), 0, 100),
    ]  # fmt: skip


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
    monkeypatch.setattr(blending, "STRIP_PIXELS", 7 * 160)
    convert(SAMPLE, tmp_path / "strips", **options)
    for name in ("harbor", "meadow", "empty"):
        whole, strips = (tmp_path / f"{where}/overlay/{name}.png" for where in ("whole", "strips"))
        assert (picture(whole)[1] == picture(strips)[1]).all()
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
        made.append(small.png(Caption("a.jpg", (103, 61), ())))
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
    upright = np.zeros((6, 8, 3), np.uint8)
    upright[:3] = 255
    stored = {1: upright, 3: np.rot90(upright, 2), 6: np.rot90(upright)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.jpg", "PNG", exif=exif)
    convert(coco_file(annotations=[]), tmp_path / "out", to="overlay", images=tmp_path)
    assert (shown(tmp_path / "out/overlay/a.png") == upright).all()


def test_many_bits_are_seen_from_black_to_white(coco_file, tmp_path):
    """A picture of 12 bits in 16 is neither white nor black."""
    values = np.linspace(100, 4000, 48).astype(np.uint16).reshape(6, 8)
    Image.fromarray(values).save(tmp_path / "a.jpg", "PNG")
    convert(coco_file(annotations=[]), tmp_path / "out", to="overlay", images=tmp_path)
    gray = shown(tmp_path / "out/overlay/a.png")[..., 0]
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
    for image in (np.zeros((4, 8), np.uint8), Image.new("RGB", (2, 4))):
        with pytest.raises(InputError, match="its annotations are of 2 × 4; hand in the picture"):
            polymask.overlay(RECORD, image)


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
        assert (pixels == shown(tmp_path / "out/overlay" / record.name)).all()


def test_what_is_no_picture_is_refused(tmp_path):
    """Floats, planes of two, a file that is none."""
    (tmp_path / "a.png").write_text("no picture")
    for image in (PHOTO / 255, PHOTO[..., :2], tmp_path / "a.png"):
        with pytest.raises(InputError):
            polymask.overlay(RECORD, image)


def test_a_figure_says_what_it_shows(tmp_path):
    """Name, size, and for each label its color, instances and pixels, the most painted first; as text too."""
    convert(SAMPLE, tmp_path / "out", to="overlay")
    caption = caption_in((tmp_path / "out/overlay/harbor.png").read_bytes())
    assert (caption.name, caption.frame) == ("harbor.png", (120, 160))
    assert [(row.name, row.instances, row.pixels) for row in caption.rows] == [
        ("sea", 1, 6239), ("boat", 3, 2400), ("sun", 1, 518), ("flock", 1, 36),
    ]  # fmt: skip
    assert caption.rows[1].color == safe_color(list(LabelMap.from_source(SAMPLE).names).index("boat"))
    _, page = picture(tmp_path / "out/overlay/harbor.png")
    top, left = caption.at
    assert (page[:top] < 128).any(), "a title is written"
    assert all((page[top:, left + 160 :] == row.color).all(axis=-1).any() for row in caption.rows)


def test_a_legend_has_room_and_an_end():
    """However many labels there are: what does not fit is counted."""
    rows = [LegendRow(f"label {n}", safe_color(n), 1, 100 - n) for n in range(40)]
    page = _Page(Caption("a.jpg", (100, 100), rows))
    assert page.frame[0] < 800
    assert _last_line(40, 12) == "and 28 more labels"
    assert _last_line(13, 12) == "and 1 more label"
    assert _last_line(0, 12) == "Nothing is painted."


def test_a_legend_that_changes_is_not_the_same_overlay(coco_file, tmp_path):
    """Two instances where one was paint the same pixels, and the file that says one is not kept."""
    square = [1, 1, 4, 1, 4, 4, 1, 4]
    one = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [square]}
    convert(coco_file(annotations=[one]), tmp_path / "out", to="overlay")
    twice = coco_file(annotations=[one, one | {"id": 2}])
    (failure,) = convert(twice, tmp_path / "out", to="overlay").failures
    assert "not what this run would write" in failure.reason
    convert(twice, tmp_path / "out", to="overlay", overwrite=True)
    caption = caption_in((tmp_path / "out/overlay/a.png").read_bytes())
    assert [row.instances for row in caption.rows] == [2]


def test_an_overlay_is_proven_whatever_font_its_letters_have(tmp_path):
    """The digest is of the picture alone, so another build of the font library changes no verdict."""
    convert(SAMPLE, tmp_path / "out", to="overlay")
    path = tmp_path / "out/overlay/harbor.png"
    with Image.open(path) as figure:
        figure.load()
        info = PngImagePlugin.PngInfo()
        info.add_text("polymask", figure.info["polymask"])
        figure.paste("white", (0, 0, figure.width, 20))
        figure.save(path, pnginfo=info)
    assert verify(tmp_path / "out").unchanged == 3
    assert convert(SAMPLE, tmp_path / "out", to="overlay").unchanged == 3


_CAPTION = '{"name": "a", "frame": %s, "rows": [], "at": %s}'


@pytest.mark.parametrize("text", ["", "{", _CAPTION % ([0, 1], [0, 0]), _CAPTION % ([1, 1], [-1, 0])])
def test_a_caption_that_is_none_makes_no_figure(text):
    """Then all pixels are the picture."""
    png = encode_color_strips([np.zeros((3, 4, 3), np.uint8)], (3, 4), text=("polymask", text))
    pixels, caption = parts_of(png)
    assert (pixels.shape, caption) == ((3, 4, 3), None)


def test_a_small_picture_with_a_huge_page_is_refused():
    """A caption that names a frame of one pixel allows no page of millions."""
    text = '{"name":"a","frame":[1,1],"rows":[]}'
    png = encode_color_strips([np.zeros((2000, 2000, 3), np.uint8)], (2000, 2000), text=("polymask", text))
    with pytest.raises(LimitError):
        parts_of(png)


def test_names_in_any_script_are_written():
    """In a font of the system where there is one, else as escapes; never as empty boxes."""
    text, font = lettering._drawable("猫 caf\u00e9", 13)
    assert text in ("猫 caf\u00e9", "\\u732b caf\\xe9")
    assert all(lettering._has(font, character) for character in text if character != " ")
