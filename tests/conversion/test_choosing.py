"""What is chosen of a source: images, labels and their numbers, the size; and what cannot be chosen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polymask import InputError, LabelError, LimitError, convert, decode_png
from tests.conftest import ROOT, coco
from tests.conversion.test_run import A

Write = Callable[..., Path]


def test_only_chosen_labels_are_painted_and_values_stay(coco_file: Write, tmp_path: Path) -> None:
    """`only` leaves other labels out; the numbers are those of the whole map."""
    convert(coco_file(), tmp_path / "out", only=["dog"])
    assert (decode_png((tmp_path / "out/masks/a.png").read_bytes()) == np.where(A == 2, 2, 0)).all()
    with pytest.raises(LabelError, match="did you mean 'dog'"):
        convert(coco_file(), tmp_path / "other", only=["dgo"])


def test_a_label_file_renumbers_and_merges(coco_file: Write, tmp_path: Path) -> None:
    """Two labels painted as one have one value and no conflict."""
    (tmp_path / "labels.txt").write_text("_background_\ncat -> animal\ndog -> animal\n")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt")
    assert report.labels == {"animal": {"instances": 2, "pixels": 16}}
    assert report.conflicts == ()
    chosen = convert(coco_file(), tmp_path / "chosen", labels=tmp_path / "labels.txt", only=["animal"])
    assert chosen.labels == report.labels


def test_what_is_painted_as_void_is_of_no_label(coco_file: Write, tmp_path: Path) -> None:
    """Its pixels are void, and the report counts those of the labels alone."""
    (tmp_path / "labels.txt").write_text("__ignore__\ncat\ndog -> __ignore__\n")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt")
    assert (report.failures, report.labels) == ([], {"cat": {"instances": 1, "pixels": 7}})
    mask = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert (mask == np.where(A == 2, 255, A)).all()


def test_a_label_that_is_not_in_the_file_is_refused_or_left_out(coco_file: Write, tmp_path: Path) -> None:
    """Never guessed: exit 2, or listed under `skip_invalid`."""
    (tmp_path / "labels.txt").write_text("cat\n")
    with pytest.raises(LabelError, match=r"'dog' .*\(1 instances\).*dog -> LABEL"):
        convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", skip_invalid=True)
    assert [skipped.name for skipped in report.skipped] == ["dog"]
    assert report.labels == {"cat": {"instances": 1, "pixels": 9}}


def test_masks_at_another_size_are_drawn_anew(coco_file: Write, tmp_path: Path) -> None:
    """Twice as large, a square has four times the pixels; runs are sampled."""
    runs = {"size": [6, 8], "counts": [0, 1, 47]}
    annotations = [*coco()["annotations"], {"id": 3, "image_id": 1, "category_id": 3, "segmentation": runs}]
    convert(coco_file(annotations=annotations), tmp_path / "out", size=(12, 16))
    small = A.copy()
    small[0, 0] = 1
    mask = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert (mask == small.repeat(2, axis=0).repeat(2, axis=1)).all()


def test_unknown_options_are_refused_with_the_nearest_one(coco_file: Write, tmp_path: Path) -> None:
    """A misspelt option is no option, nor is a misspelt way to number labels."""
    with pytest.raises(InputError, match="did you mean 'overlap'"):
        convert(coco_file(), tmp_path / "out", overlaps="first")
    with pytest.raises(InputError, match="did you mean 'source'"):
        convert(coco_file(), tmp_path / "out", ids="sources")


def test_a_glob_that_matches_nothing_is_told(coco_file: Write, tmp_path: Path) -> None:
    """Rather than an empty folder."""
    with pytest.raises(InputError, match="matches none of 1 images"):
        convert(coco_file(), tmp_path / "out", where=["*.tif"])


def test_labels_that_are_not_chosen_need_no_place_in_the_label_file(coco_file: Write, tmp_path: Path) -> None:
    """`only` with a file of the chosen labels alone; what is chosen and not there is still refused."""
    (tmp_path / "labels.txt").write_text("cat\n")
    report = convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", only=["cat"])
    assert (report.labels, report.skipped) == ({"cat": {"instances": 1, "pixels": 9}}, [])
    with pytest.raises(LabelError, match="'dog' is not in the label map"):
        convert(coco_file(), tmp_path / "other", labels=tmp_path / "labels.txt", only=["dog"])


def test_a_label_file_and_the_sources_ids_exclude_each_other(coco_file: Write, tmp_path: Path) -> None:
    """Neither is ignored."""
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    with pytest.raises(InputError, match="--ids source and --labels"):
        convert(coco_file(), tmp_path / "out", labels=tmp_path / "labels.txt", ids="source")


def test_a_size_beyond_the_limit_is_refused(coco_file: Write, tmp_path: Path) -> None:
    """Before anything is drawn, and the message names the flag that asked for it."""
    with pytest.raises(LimitError, match=r"--size: 200000 × 200000 px are more"):
        convert(coco_file(), tmp_path / "out", size=(200_000, 200_000))
    assert not (tmp_path / "out").exists()


def test_only_what_is_unsupported_in_chosen_images_is_told(tmp_path: Path) -> None:
    """A polyline in an image that is left out is nobody's concern."""
    text = (ROOT / "fixtures/cvat/annotations.xml").read_text()
    line = '<polyline label="boat" points="0,0;5,5" z_order="0"></polyline>'
    path = tmp_path / "annotations.xml"
    path.write_text(text.replace("</image>", line + "</image>", 1))
    for images, unsupported in (("boat.png", ["boat.png"]), ("[!b]*", [])):
        report = convert(path, tmp_path / images, where=[images])
        assert [one.name for one in report.unsupported] == unsupported
