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


@follows(
    "layouts/common/kept_splits: {kept}, pass --overwrite to move images, or choose another DEST",
    "layouts/common/kept_splits: say where these go, with --split or --split-ratio",
)
def test_images_stay_in_their_splits_or_move_as_told(case: Case) -> None:
    """Without an option they stay, with --overwrite they move; new images go where an option says."""
    out = case.folder / "same"
    some = ("convert", SAMPLE, out, "--where")
    case.works(*some, "h*", "--split-ratio", "0,1")
    case.fails(*some, "h*", "--split-ratio", "1")
    case.works(*some, "h*")
    case.works(*some, "h*", "--split-ratio", "1", "--overwrite")
    case.works("convert", SAMPLE, case.out, "--where", "h*", "--split-ratio", "0,1")
    case.works(*some, "m*", "--split-ratio", "0,1")
    case.fails("convert", SAMPLE, out)
    case.works(*some, "e*", "--split", "test")
    case.works("convert", SAMPLE, out)


@follows(
    "conversion/undoing/edited_lists: move it away to have it written anew, or pass --overwrite to replace it"
)
def test_an_edited_table_is_moved_away_or_replaced(case: Case) -> None:
    """Where a run would change it."""
    out = case.folder / "same"
    for number, way in enumerate(("move", "--overwrite")):
        some = ("convert", SAMPLE, out / f"{number}", "--to", "nnunet", "--where")
        case.works(*some, "h*")
        table = out / f"{number}/dataset.json"
        table.write_text(table.read_text().replace("{", '{"name": "mine",', 1))
        case.works(*some, "h*")
        case.fails(*some, "[hm]*", code=4)
        if way == "move":
            table.rename(case.folder / "mine.json")
        case.works(*some, "[hm]*", *([way] if way != "move" else []))


@follows("conversion/dest/companions: pass --update to follow it, or {error.advice}")
def test_a_mask_follows_its_changed_source_as_told(case: Case) -> None:
    """With --update or --overwrite, or elsewhere."""
    out = case.folder / "same"
    for flags in (("--update",), ("--overwrite",)):
        source = case.write("a.json", SAMPLE.read_text())
        case.works("convert", source, out, "--overwrite")
        case.write("a.json", SAMPLE.read_text().replace("[[120", "[[121"))
        case.fails("convert", source, out, code=1)
        case.works("convert", source, out, *flags)
    case.works("convert", source, case.out)


@follows(
    "conversion/dest/companions: pass --images and --copy-images too, to have it copied anew, or choose "
    "another DEST"
)
def test_copied_pictures_move_with_their_masks_as_told(case: Case) -> None:
    """Copied anew, or the masks go elsewhere."""
    out, copies = case.folder / "same", ("--copy-images", "--images", SAMPLE.parent)
    case.works("convert", SAMPLE, out, "--to", "mmseg", *copies)
    case.fails("convert", SAMPLE, out, "--to", "mmseg", "--split", "val", "--overwrite")
    case.works("convert", SAMPLE, out, "--to", "mmseg", "--split", "val", "--overwrite", *copies)
    case.works("convert", SAMPLE, case.out, "--to", "mmseg", "--split", "val", "--overwrite")


@follows("training/classes: pass `split` and `labels` to `stats` instead")
def test_weights_are_of_what_was_counted(case: Case) -> None:
    """A split is chosen when it is counted."""
    case.works("convert", SAMPLE, case.out, "--split-ratio", "1")
    counted = stats(case.made[-1])
    with pytest.raises(InputError):
        training.class_weights(counted, split="train")
    assert training.class_weights(stats(case.made[-1], split="train")) == training.class_weights(counted)
