"""A preview as a PNG: a figure of one image, a contact sheet of several."""

import json

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, convert, overlay, read
from polymask.cli.outcomes import preview_text
from polymask.layouts.overlays.figures import caption_in, parts_of
from polymask.report.html import preview
from tests.conftest import SAMPLE

PICTURES = SAMPLE.parent / "images"


def pixels_of(path):
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def test_one_image_is_shown_large_with_its_legend(tmp_path):
    """The picture is the overlay of the library, pixel by pixel."""
    look = preview(SAMPLE, tmp_path / "look.png", where=["harbor*"])
    assert (len(look.facts), len(look.shots), look.pictures) == (1, 1, 1)
    pixels, caption = parts_of((tmp_path / "look.png").read_bytes())
    (harbor,) = (record for record in read(SAMPLE) if record.name == "harbor.png")
    names = json.loads(SAMPLE.read_text())["categories"]
    assert {row.name for row in caption.rows} <= {category["name"] for category in names}
    assert pixels.shape == (120, 160, 3)
    unpainted = overlay(harbor, np.zeros((120, 160), np.uint8)).any(axis=-1) == 0
    assert (pixels[unpainted] == pixels_of(PICTURES / "harbor.png")[unpainted]).mean() > 0.9


def test_several_images_are_a_contact_sheet(tmp_path):
    """A limit chooses as the report does, and the sheet says of how many; it needs no template library."""
    preview(SAMPLE, tmp_path / "all.png")
    two = preview(SAMPLE, tmp_path / "two.png", limit=2)
    assert (len(two.facts), len(two.shots)) == (3, 2)
    assert pixels_of(tmp_path / "all.png").shape[1] == pixels_of(tmp_path / "two.png").shape[1]
    alone = preview(SAMPLE, tmp_path / "alone.png", limit=1)
    assert [shot["name"] for shot in alone.shots] == [caption_in((tmp_path / "alone.png").read_bytes()).name]


def test_stored_masks_have_no_instances_to_count(tmp_path):
    """Alone, that is; beside annotations the mask that is stored is shown with their counts."""
    convert(SAMPLE, tmp_path / "out")
    preview(tmp_path / "out", tmp_path / "masks.png", where=["harbor*"], images=PICTURES)
    caption = caption_in((tmp_path / "masks.png").read_bytes())
    assert [row.instances for row in caption.rows] == [None] * 4
    assert caption.facts == ["4 labels"]
    preview([tmp_path / "out", SAMPLE], tmp_path / "both.png", where=["harbor*"])
    counts = {row.name: row.instances for row in caption_in((tmp_path / "both.png").read_bytes()).rows}
    assert counts == {"sea": 1, "boat": 3, "sun": 1, "flock": 1}


def test_the_same_input_gives_the_same_picture(tmp_path):
    for workers in (1, 2):
        preview(SAMPLE, tmp_path / f"{workers}.png", workers=workers)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_a_picture_that_cannot_be_read_is_told_and_gray_stands_for_it(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/harbor.png").write_bytes(b"no picture")
    look = preview(SAMPLE, tmp_path / "look.png", where=["harbor*"], images=tmp_path / "images")
    assert (look.pictures, len(look.unshown)) == (0, 1)
    assert (parts_of((tmp_path / "look.png").read_bytes())[0][0, 159] == 110).all()


@pytest.mark.parametrize("name", ["look.png", "look.html"])
def test_a_picture_of_another_size_is_told(tmp_path, name):
    """Below annotations gray stands for it, below masks alone, which may have been scaled, it is scaled."""
    (tmp_path / "images").mkdir()
    Image.new("RGB", (80, 60), (200, 0, 0)).save(tmp_path / "images/harbor.png")
    chosen = {"where": ["harbor*"], "images": tmp_path / "images"}
    look = preview(SAMPLE, tmp_path / name, **chosen)
    assert (look.pictures, look.scaled) == (0, [])
    (problem,) = look.unshown
    assert "the picture is 60 × 80 px, its annotations are of 120 × 160" in problem
    convert(SAMPLE, tmp_path / "out")
    look = preview(tmp_path / "out", tmp_path / name, where=["harbor*"], images=tmp_path / "images")
    assert (look.pictures, look.scaled, look.unshown) == (1, ["harbor"], [])
    assert "picture scaled to the size of its mask: harbor" in preview_text(look, name)


@pytest.mark.parametrize("name", ["look.pdf", "look", "look.jpg", "-"])
def test_other_kinds_of_files_are_refused_with_a_name_that_works(tmp_path, name):
    """Before anything is read."""
    with pytest.raises(InputError, match=r"an HTML report or a PNG picture; name it .*html or .*png"):
        preview("none.json", tmp_path / name)


def test_a_size_in_megabytes_is_for_reports(tmp_path):
    with pytest.raises(InputError, match="--max-mb is for reports"):
        preview(SAMPLE, tmp_path / "look.png", max_mb=3)


def test_changes_are_shown_in_a_page(tmp_path):
    with pytest.raises(InputError, match=r"a report is an HTML page; name it .*look\.html"):
        convert(SAMPLE, tmp_path / "out", dry_run=True, preview=tmp_path / "look.png")


def test_no_image_that_can_be_shown_is_no_picture(tmp_path):
    convert(SAMPLE, tmp_path / "out")
    (tmp_path / "out/masks/harbor.png").write_bytes(b"no PNG")
    with pytest.raises(InputError, match="harbor"):
        preview(tmp_path / "out", tmp_path / "look.png", where=["harbor*"])
    assert not (tmp_path / "look.png").exists()


def test_what_cannot_be_shown_is_told_on_the_terminal(tmp_path):
    """A picture has no room for it: the first images with their reasons, and how many more there are."""
    convert(SAMPLE, tmp_path / "out")
    (tmp_path / "out/masks/harbor.png").write_bytes(b"no PNG")
    look = preview(tmp_path / "out", tmp_path / "look.png", images=PICTURES)
    first, second = preview_text(look, "look.png").splitlines()
    assert first == "2 of 3 images → look.png"
    assert second.startswith("  could not be shown: harbor: ")
    look.notes.extend(["a: damaged"] * 5)
    assert preview_text(look, "look.png").splitlines()[-1] == "  … and 1 more image"
