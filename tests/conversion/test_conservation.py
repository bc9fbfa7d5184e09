"""A run loses no annotation: what is not painted is counted by reason, and nothing painted is exit 1."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import Report, check, convert, decode_png
from tests.conftest import Run, coco, square
from tests.support.formats import FIXTURES, written

Write = Callable[..., Path]
BOX = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [], "bbox": [1, 1, 2, 3]}
CAT = {"id": 2, "image_id": 1, "category_id": 3, "segmentation": [square(1, 1, 2)]}


def left_out(report: Report) -> dict[str, int]:
    """What the report leaves out, by kind; the sum is what is declared."""
    assert report.declared == report.painted + report.joined + report.left_out.total()
    return {reason.kind: count for reason, count in report.left_out.items() if count}


def test_boxes_only_is_exit_1_and_the_advice_paints_them(
    coco_file: Write, tmp_path: Path, polymask_command: Run
) -> None:
    """Every image has its (empty) mask; `--boxes`, as the message says, paints 2 × 3 px."""
    path = coco_file(annotations=[BOX])
    done = polymask_command("convert", path, tmp_path / "out")
    assert done.returncode == 1
    assert "nothing was painted of 1 annotation (1 × a box without segmentation)" in done.stderr
    assert "paint boxes with --boxes" in done.stderr
    assert "1 × a box without segmentation" in done.stdout
    assert not decode_png((tmp_path / "out/masks/a.png").read_bytes()).any()
    again = polymask_command("convert", path, tmp_path / "boxes", "--boxes", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert (told["declared"], told["painted"], told["left_out"]) == (1, 1, [])
    mask = decode_png((tmp_path / "boxes/masks/a.png").read_bytes())
    assert mask[1:4, 1:3].all()
    assert mask.astype(bool).sum() == 6


def test_check_says_that_nothing_can_be_painted(coco_file: Write, polymask_command: Run) -> None:
    """With the way out, and no more once it is taken."""
    done = polymask_command("check", coco_file(annotations=[BOX]))
    assert "Dropped: not painted, and listed\n" in done.stdout
    assert "not-painted (1):\n    1 × a box without segmentation, in a.jpg" in done.stdout
    assert "nothing-painted (1):\n    nothing was painted" in done.stdout
    assert "--boxes" in done.stdout
    assert [f.kind for f in check(coco_file(annotations=[BOX]), boxes=True)] == []


@pytest.mark.parametrize(
    ("annotations", "kinds"),
    [
        ([{**CAT, "segmentation": None, "keypoints": [1, 1, 2]}], {"unsegmented": 1}),
        ([{**CAT, "category_id": 99}, {**CAT, "image_id": 99}], {"invalid": 2}),
        ([{**CAT, "segmentation": [square(90, 90, 3)]}], {"empty": 1}),
        ([{**CAT, "segmentation": [[0.1, 0.1, 0.4, 0.1, 0.4, 0.4]]}], {"empty": 1}),
    ],
)
def test_a_run_that_paints_nothing_exits_1(
    annotations: list[Any], kinds: dict[str, int], coco_file: Write, tmp_path: Path
) -> None:
    """Keypoints, records that are all malformed, polygons beside the image or smaller than a pixel."""
    report = convert(coco_file(annotations=annotations), tmp_path / "out", skip_invalid=True)
    assert left_out(report) == kinds
    assert (report.exit_code, report.painted, report.failures) == (1, 0, [])
    assert report.nothing_painted
    assert (tmp_path / "out/masks/a.png").exists()


def test_no_annotations_at_all_are_exit_0(coco_file: Write, tmp_path: Path) -> None:
    """Empty images are images, also where `where` chooses them."""
    report = convert(coco_file(annotations=[]), tmp_path / "out")
    assert (report.declared, report.exit_code, report.nothing_painted) == (0, 0, "")
    images = [*coco()["images"], {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}]
    chosen = convert(coco_file(images=images, annotations=[CAT]), tmp_path / "b", where=["b.jpg"])
    assert left_out(chosen) == {"where": 1}
    assert chosen.exit_code == 0


def test_labelbox_videos_are_listed(tmp_path: Path, polymask_command: Run) -> None:
    """Each object of each frame; there is no picture to paint them on."""
    annotations = {"frames": {"1": {"objects": {"k": {"name": "cat"}}}, "2": {"objects": {"k": {}}}}}
    row = {
        "data_row": {"id": "v", "external_id": "v.mp4"},
        "media_attributes": {"height": 6, "width": 8, "frame_count": 2},
        "projects": {"p": {"labels": [{"annotations": annotations}]}},
    }
    done = polymask_command("convert", written(tmp_path / "a.ndjson", json.dumps(row)), tmp_path / "out")
    assert done.returncode == 1
    assert "2 × an object of a video" in done.stderr
    assert "object k in frame 2" in done.stdout


def test_predictions_are_not_ground_truth(tmp_path: Path, polymask_command: Run) -> None:
    """A task with predictions only paints nothing, and says what they are."""
    task = json.loads((FIXTURES / "labelstudio/export.json").read_text())[0]
    predicted = [{**task, "annotations": [], "predictions": task["annotations"]}]
    pictures = FIXTURES / "via"
    done = polymask_command(
        "convert", written(tmp_path / "a.json", predicted), tmp_path / "out", "--images", pictures
    )
    assert done.returncode == 1, done.stderr
    assert "nothing was painted of 3 annotations (3 × a prediction)" in done.stderr


def test_what_choices_leave_out_is_counted(coco_file: Write, tmp_path: Path) -> None:
    """By label, as a crowd, as background, as void; what is left is painted."""
    annotations = [
        CAT,
        {**CAT, "id": 3, "category_id": 7},
        {**CAT, "id": 4, "iscrowd": 1},
        {**CAT, "id": 5, "bbox": [1, 1, 2, 2], "segmentation": []},
    ]
    path = coco_file(annotations=annotations)
    labels = written(tmp_path / "labels.txt", "__ignore__\n_background_\ncat\ndog -> __ignore__\n")
    only = convert(path, tmp_path / "1", only=["cat"], crowd="skip")
    assert left_out(only) == {"only": 1, "crowd": 1, "box": 1}
    void = convert(path, tmp_path / "2", labels=labels, crowd="void")
    assert (left_out(void), void.painted) == ({"void": 1, "void-crowd": 1, "box": 1}, 1)
    missing = written(tmp_path / "few.txt", "cat\n")
    few = convert(path, tmp_path / "3", labels=missing, skip_invalid=True)
    assert (left_out(few), few.painted) == ({"label": 1, "box": 1}, 2)


DOG_ON_CAT = {**CAT, "id": 3, "category_id": 7}
CROWD = {**CAT, "iscrowd": 1}


@pytest.mark.parametrize("layout", ["index", "binary"])
def test_void_tells_of_no_label(coco_file: Write, tmp_path: Path, layout: str) -> None:
    """A mask of void alone shows no label, in an index mask neither."""
    labels = written(tmp_path / "labels.txt", "__ignore__\ncat -> __ignore__\ndog\n")
    report = convert(coco_file(annotations=[CAT]), tmp_path / "out", labels=labels, to=layout)
    assert (report.exit_code, left_out(report)) == (1, {"void": 1})
    assert "give their labels a name or a value other than void" in report.nothing_painted


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("annotations", "options", "told"),
    [
        ([CROWD], {"crowd": "void"}, "leave --crowd void out"),
        ([CROWD], {"crowd": "skip"}, "leave --crowd skip out"),
        ([CAT, DOG_ON_CAT], {"overlap": "void"}, "choose another --overlap"),
        ([CAT], {"border": 3}, "leave --border out"),
        ([CAT, {**CROWD, "id": 4}], {"crowd": "void"}, "leave --crowd void out"),
    ],
)
def test_masks_without_a_label_are_exit_1(
    annotations: list[Any], options: Any, told: str, dry_run: bool, coco_file: Write, tmp_path: Path
) -> None:
    """Whatever made all void: only crowds, a conflict, a border, a crowd on top; the way out paints."""
    path = coco_file(annotations=annotations)
    report = convert(path, tmp_path / "out", dry_run=dry_run, **options)
    left_out(report)
    assert (report.exit_code, report.failures) == (1, [])
    assert told in report.nothing_painted
    assert convert(path, tmp_path / "again").exit_code == 0


def test_a_crowd_of_a_void_label_is_void_by_its_label(coco_file: Write, tmp_path: Path) -> None:
    """Leaving `--crowd void` out would not help it."""
    labels = written(tmp_path / "labels.txt", "__ignore__\ncat -> __ignore__\ndog\n")
    report = convert(coco_file(annotations=[CROWD]), tmp_path / "out", labels=labels, crowd="void")
    assert left_out(report) == {"void": 1}


def test_one_label_anywhere_is_enough(coco_file: Write, tmp_path: Path) -> None:
    """An image whose mask is void only is no failure of the run."""
    images = [*coco()["images"], {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}]
    path = coco_file(images=images, annotations=[CROWD, {**CAT, "id": 9, "image_id": 2}])
    assert convert(path, tmp_path / "out", crowd="void").exit_code == 0


def test_a_second_run_that_shows_nothing_does_not_say_that_all_is_there(
    coco_file: Write, tmp_path: Path, polymask_command: Run
) -> None:
    """One sentence that is true beside `nothing was painted`."""
    path = coco_file(annotations=[BOX])
    for _ in range(2):
        done = polymask_command("convert", path, tmp_path / "out")
    assert done.returncode == 1
    assert "Nothing to do" not in done.stdout
    assert "Nothing was written: there is no label to show." in done.stdout


def test_failed_images_take_theirs_with_them(coco_file: Write, tmp_path: Path) -> None:
    """Conflicts under the rule `error`; what the others declare is painted."""
    images = [*coco()["images"], {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}]
    annotations = [CAT, {**CAT, "id": 3, "category_id": 7}, {**CAT, "id": 4, "image_id": 2}]
    report = convert(coco_file(images=images, annotations=annotations), tmp_path / "out", overlap="error")
    assert (left_out(report), report.painted, report.failed) == ({"failed": 2}, 1, 1)
    assert report.nothing_painted == ""


def test_shapes_of_a_group_are_painted_together(tmp_path: Path) -> None:
    """labelme's two halves of the sea are one instance, and both are accounted for."""
    report = convert(FIXTURES / "labelme", tmp_path / "out")
    assert (report.declared, report.painted, report.joined) == (4, 3, 1)
    assert left_out(report) == {}


def test_a_run_after_the_polygons_are_deleted_is_no_empty_run(coco_file: Write, tmp_path: Path) -> None:
    """What is gone is declared no more; the runs that stayed are in the mask that is there."""
    runs = {**CAT, "id": 8, "segmentation": {"size": [6, 8], "counts": [0, 1, 47]}}
    path = coco_file(annotations=[CAT, runs])
    convert(path, tmp_path / "out", delete_source=True)
    again = convert(path, tmp_path / "out", delete_source=True)
    assert (again.declared, again.painted, again.exit_code, left_out(again)) == (1, 1, 0, {})


def test_the_summary_folds_reasons(coco_file: Write, tmp_path: Path, polymask_command: Run) -> None:
    """Two boxes are one line with their number."""
    path = coco_file(annotations=[CAT, BOX, {**BOX, "id": 5}])
    done = polymask_command("convert", path, tmp_path / "out")
    assert done.returncode == 0
    assert "1 of 3 annotations are painted; the others are not:\n  2 × a box without" in done.stdout


def test_a_shard_without_what_is_chosen_has_done_its_part(coco_file: Write, tmp_path: Path) -> None:
    """One of several processes may have no image of the label; the run as a whole has."""
    report = convert(coco_file(annotations=[CAT]), tmp_path / "out", only=["dog"], shard="1/1")
    assert (left_out(report), report.exit_code) == ({"only": 1}, 0)
    assert convert(coco_file(annotations=[CAT]), tmp_path / "all", only=["dog"]).exit_code == 1
