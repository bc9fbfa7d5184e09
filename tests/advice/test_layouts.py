"""Advice about copied pictures, and about void where a layout has no word for it."""

import numpy as np
from PIL import Image

from tests.advice.sites import Case, follows
from tests.advice.test_tables import fewer, many_labels
from tests.advice.test_writing import advice_of, labeled
from tests.conftest import SAMPLE, coco

PICTURES = ("--images", SAMPLE.parent / "images")


@follows(
    "conversion/planning/layout_plan: add --copy-images, or leave it out",
    "conversion/planning/layout_plan: leave --picture-format out, or make it {only}",
    "conversion/planning/layout_plan: leave --picture-format out",
)
def test_a_picture_format_goes_with_copies_in_it(case: Case) -> None:
    """Or is left out."""
    case.fails("convert", SAMPLE, case.out, "--picture-format", "jpg", *PICTURES)
    case.works("convert", SAMPLE, case.out, "--picture-format", "jpg", *PICTURES, "--copy-images")
    case.works("convert", SAMPLE, case.out, *PICTURES)
    dataloop = ("--to", "dataloop", "--copy-images", *PICTURES)
    case.fails("convert", SAMPLE, case.out, *dataloop, "--picture-format", "jpg")
    case.works("convert", SAMPLE, case.out, *dataloop)
    copies = ("--to", "nnunet", "--copy-images", *PICTURES)
    case.fails("convert", SAMPLE, case.out, *copies, "--picture-format", "jpg")
    case.works("convert", SAMPLE, case.out, *copies, "--picture-format", "png")
    case.works("convert", SAMPLE, case.out, *copies)


@follows("conversion/dest/check: give the --picture-format of the earlier run")
def test_pictures_of_another_format_stay_as_they_are_or_are_all_made_anew(case: Case) -> None:
    """Or lie elsewhere."""
    copies, jpg = ("--copy-images", *PICTURES), ("--picture-format", "jpg")
    out = case.out
    case.works("convert", SAMPLE, out, *copies, *jpg)
    case.fails("convert", SAMPLE, out, *copies)
    case.works("convert", SAMPLE, out, *copies, *jpg)
    case.works("convert", SAMPLE, case.out, *copies)
    case.works("convert", SAMPLE, out, *copies, "--overwrite")
    case.works("convert", SAMPLE, out, *copies)


@follows("codecs/picture_formats: leave --copy-images out, and convert it yourself")
def test_a_picture_that_does_not_fit_is_not_copied(case: Case) -> None:
    """Sixteen bits are no JPEG."""
    source = case.write("a.json", coco())
    pictures = case.folder / "pictures"
    pictures.mkdir()
    Image.fromarray(np.zeros((6, 8), np.uint16)).save(pictures / "a.jpg", "PNG")
    flags = ("--images", pictures, "--copy-images", "--picture-format", "jpg")
    case.fails("convert", source, case.out, *flags, code=1, told="without loss")
    case.works("convert", source, case.out, "--images", pictures)


@follows("layouts/nnunet: VOID_ADVICE", "conversion/planning/layout_plan: void_advice")
def test_void_becomes_what_is_said(case: Case) -> None:
    """Where rules make it, and where the annotations have it."""
    source = case.write("a.json", labeled("cat", "__ignore__"))
    case.fails("convert", source, case.out, "--to", "nnunet", code=1, told="--void-as")
    case.fails("convert", SAMPLE, case.out, "--to", "nnunet", "--border", "1")
    for choice in ("ignore", "background"):
        case.works("convert", source, case.out, "--to", "nnunet", "--void-as", choice)
        case.works("convert", SAMPLE, case.out, "--to", "nnunet", "--border", "1", "--void-as", choice)


@follows("conversion/planning/effects: leave it out, or use `--to nnunet`")
def test_void_as_is_for_nnunet(case: Case) -> None:
    """Other layouts have void."""
    case.fails("convert", SAMPLE, case.out, "--void-as", "ignore")
    case.works("convert", SAMPLE, case.out)
    case.works("convert", SAMPLE, case.out, "--void-as", "ignore", "--to", "nnunet")


@follows(
    "layouts/nnunet: rename it in a --labels file", "layouts/nnunet: use `--to index`, or list fewer labels"
)
def test_labels_that_nnunet_takes_for_others_or_cannot_number(case: Case) -> None:
    """Renamed by the line that is named; fewer, or in another layout."""
    source = case.write("a.json", labeled("ignore", "dog"))
    done = case.fails("convert", source, case.out, "--to", "nnunet")
    line = advice_of(done).split("`")[1].replace("NAME", "new")
    labels = case.write("labels.txt", f"dog\n{line}\n")
    case.works("convert", source, case.out, "--to", "nnunet", "--labels", labels)
    many = case.write("many.json", many_labels(255))
    case.fails("convert", many, case.out, "--to", "nnunet")
    case.works("convert", many, case.out, "--to", "nnunet", *fewer(case))
    case.works("convert", many, case.out, "--to", "index")
