"""Advice about splits: of masks, of annotations, of a dataset, and of those that a ratio draws."""

import pytest

from polymask import InputError, stats, training
from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE
from tests.dataloop.conftest import THIRD_PARTY
from tests.dataloop.world import URL, World

pytestmark = [pytest.mark.filterwarnings(rule) for rule in THIRD_PARTY]


@follows("formats/reading/images/splits: leave --split out, or choose images by their names, with --where")
def test_without_splits_images_are_chosen_by_name(case: Case) -> None:
    """Or all are taken."""
    case.fails("stats", SAMPLE, "--split", "val")
    case.works("stats", SAMPLE)
    case.works("stats", SAMPLE, "--where", "h*")


@follows("layouts/common/stored_splits: take the line out there, or convert that image too")
def test_a_list_names_masks_that_are_there(case: Case) -> None:
    """The line goes, or the mask comes."""
    case.works("convert", SAMPLE, case.out, "--to", "voc", "--where", "h*")
    file = case.made[-1] / "ImageSets/Segmentation/some.txt"
    file.write_text("harbor\nmeadow\n")
    case.fails("stats", case.made[-1], "--split", "some")
    case.works("convert", SAMPLE, case.made[-1], "--to", "voc", "--where", "meadow*")
    case.works("stats", case.made[-1], "--split", "some")
    file.write_text("harbor\nfarm\n")
    case.fails("stats", case.made[-1], "--split", "some")
    file.write_text("harbor\n")
    case.works("stats", case.made[-1], "--split", "some")


@follows("proving: leave --split out")
def test_items_of_a_dataset_are_verified_whatever_split(case: Case, world: World) -> None:
    """They have none."""
    case.works("convert", URL, "--journal", case.folder / "journal")
    case.fails("verify", URL, "--split", "val")
    case.works("verify", URL)
    assert world.masks()


@follows("validation: write", "conversion/planning/layout_plan: add --split-ratio 0.8,0.2")
def test_a_pattern_is_escaped_and_has_a_ratio(case: Case) -> None:
    """A bracket that stands for itself; groups that a ratio divides."""
    case.fails("convert", SAMPLE, case.out, "--split-ratio", "0.8,0.2", "--split-by", "har(")
    case.works("convert", SAMPLE, case.out, "--split-ratio", "0.8,0.2", "--split-by", r"har\(")
    case.fails("convert", SAMPLE, case.out, "--split-by", "^h")
    case.works("convert", SAMPLE, case.out, "--split-by", "^h", "--split-ratio", "0.8,0.2")


@follows("training/classes: pass `split` and `labels` to `stats` instead")
def test_weights_are_of_what_was_counted(case: Case) -> None:
    """A split is chosen when it is counted."""
    case.works("convert", SAMPLE, case.out, "--split-ratio", "1")
    counted = stats(case.made[-1])
    with pytest.raises(InputError):
        training.class_weights(counted, split="train")
    assert training.class_weights(stats(case.made[-1], split="train")) == training.class_weights(counted)
