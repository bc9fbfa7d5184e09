"""`check` tells first what blocks a conversion, then what is dropped, then what is odd; folded by kind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import LabelMap, check, convert, decode_png
from polymask.analysis.check_labels import similar
from polymask.analysis.findings import FINDING_KINDS, RANKS, rank_of
from polymask.labels.texts.name_lines import quoted
from tests.conftest import Run, coco, square

Write = Callable[..., Path]
TOUCHING = [[0, 0, 4, 0, 4, 4, 2, 0, 0, 4]]


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": 1,
        "category_id": 3,
        "segmentation": [square(1, 1, 2)],
        "bbox": [1, 1, 2, 2],
    } | changes


def test_what_blocks_comes_first_then_what_is_dropped_then_what_is_odd(
    coco_file: Write, polymask_command: Run
) -> None:
    """Of each kind the number and the first three, the rest with --json."""
    rows = [annotation(number, segmentation=TOUCHING) for number in (1, 2, 3, 4)]
    rows += [annotation(5, segmentation=[]), annotation(6, category_id=99)]
    path = coco_file(annotations=rows)
    done = polymask_command("check", path)
    lines = done.stdout.splitlines()
    order = [
        line
        for line in lines
        if line.startswith(("Blocks", "Dropped", "Odd", "  invalid", "  not", "  self"))
    ]
    assert [line.split(":")[0].strip() for line in order] == [
        "Blocks", "invalid (1)", "Dropped", "not-painted (1)", "Odd", "self-touch (4)",
    ]  # fmt: skip
    assert "    a.jpg: instance 6: $.annotations[5].category_id: no category has the id 99" in lines
    assert "    … and 1 more (all with --json)" in lines
    assert lines[-1] == "1 invalid, 1 not-painted, 4 self-touch"
    assert done.returncode == 2
    document = json.loads(polymask_command("check", path, "--json").stdout)
    assert document["ranks"] == {"blocks": 1, "dropped": 1, "odd": 4}
    assert [f["instance"] for f in document["findings"] if f["kind"] == "self-touch"] == [1, 2, 3, 4]


def test_every_kind_has_a_rank() -> None:
    """And every rank a kind."""
    assert {rank_of(kind) for kind in FINDING_KINDS} == set(RANKS)


def test_labels_that_a_label_map_lacks_block(coco_file: Write, tmp_path: Path, polymask_command: Run) -> None:
    """As `convert` refuses them, `check` exits 2."""
    (tmp_path / "labels.txt").write_text("cat\n")
    for command in (["check"], ["convert"]):
        dest = [tmp_path / "out"] if command == ["convert"] else []
        done = polymask_command(*command, coco_file(), *dest, "--labels", tmp_path / "labels.txt")
        assert done.returncode == 2, done.stdout


@pytest.mark.parametrize(
    "names",
    [
        ("weed", "Weed"),
        ("weed", " weed"),
        ("weed", "weed "),
        ("wild weed", "wild  weed"),
        ("wild weed", "wild_weed"),
        ("wild-weed", "Wild_weed"),
        ("we\u00e9d", "wee\u0301d"),
        ("weed", "ｗｅｅｄ"),
    ],
)
def test_labels_that_look_alike_are_found_and_joined_as_told(
    coco_file: Write, tmp_path: Path, names: tuple[str, str]
) -> None:
    """Case, outer and doubled spaces, hyphens, underscores and normal forms: one line joins the two."""
    path = coco_file(categories=[{"id": 3, "name": names[0]}, {"id": 7, "name": names[1]}])
    (finding,) = [f for f in check(path) if f.kind == "similar-labels"]
    kept, *lines = finding.message.split("`")[1].split(" -> ")[1], finding.message.split("`")[1]
    assert finding.message.startswith(", ".join(f"{name!a} (1)" for name in names))
    (tmp_path / "labels.txt").write_text("\n".join([kept, *lines]) + "\n", encoding="utf-8")
    assert check(path, labels=tmp_path / "labels.txt") == []
    report = convert(path, tmp_path / "out", labels=tmp_path / "labels.txt")
    assert report.conflict_pixels == 0
    mask = decode_png((tmp_path / "out/masks/a.png").read_bytes())
    assert mask.sum() == 9 + 9 - 2  # both squares, of value 1


def test_the_tidy_label_stays_though_others_are_more(coco_file: Write) -> None:
    """A stray space is what goes."""
    categories = [{"id": 3, "name": "Cat "}, {"id": 7, "name": "cat"}]
    rows = [annotation(1), annotation(2), annotation(3, category_id=7)]
    (finding,) = check(coco_file(categories=categories, annotations=rows))
    assert finding.message.endswith('`"Cat " -> cat`')


def test_labels_that_differ_in_letters_or_are_special_are_left_alone() -> None:
    """An accent is a letter of its own; `background` and `_background_` are one thing already."""
    assert similar(["weed", "we\u00e9d", "seaweed", "background", "_background_"]) == []
    assert similar(["a", "A"], LabelMap.from_names(["a"], aliases={"A": "a"})) == []


@pytest.mark.parametrize(
    "name", ["weed", "weed ", "a -> b", '"x"', "wee\u0301d", "# x", "[x]", "tab\tbed", "ü"]
)
def test_any_label_can_be_renamed_by_a_line_of_a_label_file(name: str, tmp_path: Path) -> None:
    """Names that a plain line would change stand in double quotes, as JSON writes them."""
    path = tmp_path / "labels.txt"
    path.write_text(f"other\n{quoted(name)} -> other\n", encoding="utf-8")
    assert LabelMap.load(path).value_of(name) == 1


def refusal(done: Any) -> dict[str, Any]:
    """The error that a command prints with --json."""
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    assert done.returncode == error["exit_code"]
    return error


def test_a_refusal_tells_annotation_image_and_how_many_there_are(
    coco_file: Write, tmp_path: Path, polymask_command: Run
) -> None:
    """And the command that lists them all, which reads them as `convert` does."""
    path = coco_file(
        images=[*coco()["images"], {"id": 2, "file_name": "b c.jpg", "height": 6, "width": 8}],
        annotations=[annotation(n, image_id=2, segmentation=[[0, 0, 1, 1]]) for n in (7, 8)],
    )
    done = polymask_command("convert", path, tmp_path / "out", "--json", "--from", "coco", "--boxes")
    error = refusal(done)
    assert error["message"] == (
        "annotation 7 of b c.jpg: a ring has at least 3 points, not 2 (problem 1 of 2)"
    )
    command = error["advice"].split("`")[1]
    assert command == f"polymask check {path} --from coco --boxes"
    listed = polymask_command(*command.split()[1:], "--json")
    assert (listed.returncode, json.loads(listed.stdout)["counts"]["invalid"]) == (2, 2)
    assert json.loads(listed.stdout)["findings"][0]["image"] == "b c.jpg"


def test_one_problem_is_told_as_one(coco_file: Write, tmp_path: Path, polymask_command: Run) -> None:
    """No list of one is offered."""
    path = coco_file(annotations=[annotation(7, category_id=1)])
    error = refusal(polymask_command("convert", path, tmp_path / "out", "--json"))
    assert error["message"].endswith("(problem 1 of 1)")
    assert "polymask check" not in error["advice"]


def test_unknown_labels_are_counted_too(coco_file: Write, tmp_path: Path, polymask_command: Run) -> None:
    """The file of labels is named, and `check --labels` lists as many."""
    (tmp_path / "labels.txt").write_text("bird\n")
    flags = ("--labels", tmp_path / "labels.txt")
    error = refusal(polymask_command("convert", coco_file(), tmp_path / "out", "--json", *flags))
    assert error["file"] == str(tmp_path / "labels.txt")
    assert error["message"].endswith("(problem 1 of 2)")
    command = error["advice"].split("`")[3]
    listed = polymask_command(*command.split()[1:], "--json")
    assert json.loads(listed.stdout)["counts"] == {"unknown-label": 2}


def test_a_list_of_records_names_annotation_and_image_too(tmp_path: Path, polymask_command: Run) -> None:
    """In a format that holds a record an image, whatever its ids are called."""
    shape = {"label": "cat", "points": [[0, 0], [1, 1]], "shape_type": "polygon"}
    document = {"imagePath": "a.jpg", "imageHeight": 6, "imageWidth": 8, "imageData": None}
    (tmp_path / "a.json").write_text(json.dumps(document | {"shapes": [shape]}))
    done = polymask_command("check", tmp_path / "a.json", "--json")
    (finding,) = json.loads(done.stdout)["findings"][:1]
    assert (finding["kind"], finding["image"]) == ("invalid", "a.jpg")
