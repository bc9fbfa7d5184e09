"""COCO as tools write it: what is read loosely is read alike by both ways, and counted in a note."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask

from polymask import FormatError, InputError, convert, label_masks
from polymask.formats import Annotations, ReadOptions, open_annotations
from polymask.formats.coco.large import columns as coco_columns
from polymask.formats.parsing import outline
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.reading import content
from polymask.formats.reading.ids import as_text, by_text
from tests.conftest import Run, coco, square
from tests.support.formats import masks, written


@pytest.fixture(autouse=True, params=["whole", "by parts"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """How the file is read: as a whole, or by parts of a few rows."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "by parts":
        monkeypatch.setattr(content, "LARGE", 0)
        monkeypatch.setattr(outline, "BLOCK", 200)
        monkeypatch.setattr(coco_columns, "BATCH_SIZE", 2)
        monkeypatch.setattr(Ranges.chunks, "__defaults__", (97,))
    return str(request.param)


def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """A cat of 3 × 3 px below a dog, each changed."""
    whole = coco()["annotations"]
    return [row | change for row, change in zip(whole, changes, strict=True)]


def opened(tmp_path: Path, *, skip: bool = False, **changes: Any) -> Annotations:
    """A document with changes, opened twice: the second time an index of it may be there."""
    path = written(tmp_path / "in/a.json", coco(**changes))
    open_annotations(path, options=ReadOptions(skip_invalid=skip))
    return open_annotations(path, options=ReadOptions(skip_invalid=skip))


def painted(annotations: Annotations) -> list[tuple[str, str, int]]:
    """(image, label, px) of every instance that is drawn."""
    return [
        (record.name, drawn.label, int(drawn.mask.sum()))
        for record in annotations
        for each in record.instances
        for drawn in label_masks(replace(record, instances=(each,)))
    ]


@pytest.mark.parametrize("part", [[1, 1], [1, 1, 2, 2]])
def test_a_part_of_too_few_points_is_left_out_not_its_object(part: list[float], tmp_path: Path) -> None:
    """With --skip-invalid, and counted; without it, or alone, it makes the annotation refused."""
    changes = {"annotations": rows({"segmentation": [square(1, 1, 3), part]}, {})}
    with pytest.raises(FormatError, match="at least 3 points"):
        opened(tmp_path, **changes)
    annotations = opened(tmp_path, skip=True, **changes)
    assert (painted(annotations), annotations.skipped) == (PLAIN, ())
    assert annotations.notes == ("1 parts of fewer than 3 points are left out (--skip-invalid)",)
    annotations = opened(tmp_path, skip=True, annotations=rows({"segmentation": [part]}, {}))
    assert (painted(annotations), len(annotations.skipped)) == (PLAIN[1:], 1)


PLAIN = [("a.jpg", "cat", 9), ("a.jpg", "dog", 9)]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"annotations": rows({"category_id": "3"}, {"category_id": "7"})}, "2 ids are text"),
        ({"annotations": rows({"image_id": "1"}, {})}, "1 ids are text"),
        ({"images": [{"id": "1", "file_name": "a.jpg", "height": 6, "width": 8}]}, "2 ids are text"),
        ({"categories": [{"id": "3", "name": "cat"}, {"id": "7", "name": "dog"}]}, "2 ids are text"),
        ({"annotations": rows({"iscrowd": "0"}, {"iscrowd": "0"})}, "`iscrowd` is text in 2"),
        ({"annotations": rows({"segmentation": square(1, 1, 3)}, {})}, "1 segmentations are a ring"),
        ({"annotations": rows({"segmentation": [square(1, 1, 3), []]}, {})}, "1 rings have no point"),
    ],
)
def test_what_is_certain_is_read(tmp_path: Path, changes: dict[str, Any], note: str) -> None:
    """The same pixels as of the document that is written as it should be; a note counts."""
    annotations = opened(tmp_path, **changes)
    assert painted(annotations) == PLAIN
    (text,) = annotations.notes
    assert text.startswith(note)


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    """Ids and sizes; that is no other id, and nothing to tell."""
    annotations = opened(
        tmp_path,
        images=[{"id": 1.0, "file_name": "a.jpg", "height": 6.0, "width": 8.0}],
        annotations=rows({"category_id": 3.0, "iscrowd": 0.0}, {"image_id": 1.0}),
    )
    assert painted(annotations) == PLAIN
    assert not annotations.notes


def test_a_crowd_in_text_is_a_crowd(tmp_path: Path) -> None:
    """ "1" is 1; other texts are refused with their place."""
    annotations = opened(tmp_path, annotations=rows({"iscrowd": "1"}, {"iscrowd": "0"}))
    assert [each.crowd for record in annotations for each in record.instances] == [True, False]
    with pytest.raises(FormatError, match=r"annotations\[0\].iscrowd: .*\(\"yes\"\)"):
        opened(tmp_path, annotations=rows({"iscrowd": "yes"}, {}))


def test_ids_of_two_kinds_are_never_matched_as_text(tmp_path: Path) -> None:
    """Where 1 and "1" are both there, each is its own; what has neither is refused."""
    both = [{"id": 3, "name": "cat"}, {"id": "3", "name": "dog"}]
    annotations = opened(
        tmp_path, categories=both, annotations=rows({"category_id": "3"}, {"category_id": 3})
    )
    assert [label for _, label, _ in painted(annotations)] == ["dog", "cat"]
    with pytest.raises(FormatError, match=r"annotations\[1\].category_id: no category has the id '7'"):
        mixed = [{"id": "3", "name": "cat"}, {"id": 7, "name": "dog"}]
        opened(tmp_path, categories=mixed, annotations=rows({"category_id": "3"}, {"category_id": "7"}))


@given(st.lists(st.one_of(st.integers(), st.floats(-9, 9), st.text(max_size=2)), unique=True))
def test_ids_by_their_text(ids: list[int | float | str]) -> None:
    """One text leads to one id, and only ids of one kind are led to."""
    table = by_text(ids)
    assert all(as_text(key) == text for text, key in table.items())
    kinds = {isinstance(key, str) for key in ids}
    assert bool(table) == (len(kinds) == 1)


def test_empty_rings_paint_nothing_and_are_counted(tmp_path: Path) -> None:
    """`[[]]` is an annotation without segmentation: with `--boxes`, its box is painted."""
    changes = {"annotations": rows({"segmentation": [[]]}, {})}
    annotations = opened(tmp_path, **changes)
    assert painted(annotations) == PLAIN[1:]
    assert annotations.ledger
    assert annotations.ledger.count("unsegmented") == 1
    boxed = written(
        tmp_path / "b.json", coco(annotations=rows({"segmentation": [[]], "bbox": [1, 1, 3, 3]}, {}))
    )
    assert painted(open_annotations(boxed, options=ReadOptions(boxes=True))) == PLAIN


def test_a_file_without_categories(tmp_path: Path) -> None:
    """Its labels are the ids, in ascending order, numbers first, as those of a results list."""
    document = coco(annotations=rows({"category_id": 7}, {"category_id": "3"}))
    del document["categories"]
    annotations = open_annotations(written(tmp_path / "a.json", document))
    assert annotations.categories == (("7", 7), ("3", None))
    assert [label for _, label, _ in painted(annotations)] == ["7", "3"]
    assert any("has no categories" in note for note in annotations.notes)


def without_category(tmp_path: Path, **more: Any) -> Path:
    """A document whose first annotation has a category of null, and the second its own, unless changed."""
    document = coco(annotations=rows({"category_id": None}, {}), **more)
    return written(tmp_path / "a.json", document)


def test_a_default_label_names_what_has_no_category(tmp_path: Path) -> None:
    """Asked for only; the other labels keep their ids, and the label is told only where it is used."""
    path = without_category(tmp_path)
    with pytest.raises(FormatError, match=r"annotations\[0\].category_id: .*null.*--default-label NAME"):
        open_annotations(path)
    for _ in range(2):  # also by an index that is there
        annotations = open_annotations(path, options=ReadOptions(default_label="thing"))
        assert annotations.categories == (("cat", 3), ("dog", 7), ("thing", None))
        assert painted(annotations) == [("a.jpg", "thing", 9), ("a.jpg", "dog", 9)]
        assert annotations.notes == ("1 annotations have no category, and the label of --default-label",)
    plain = written(tmp_path / "b.json", coco(annotations=rows({"category_id": "3"}, {})))
    annotations = open_annotations(plain, options=ReadOptions(default_label="thing"))
    assert annotations.categories == (("cat", 3), ("dog", 7))
    assert painted(annotations) == PLAIN


def test_a_default_label_may_be_that_of_a_category(tmp_path: Path) -> None:
    """Then both are one label; a file without categories has its ids and the default label."""
    annotations = open_annotations(without_category(tmp_path), options=ReadOptions(default_label="dog"))
    assert annotations.used == {"dog": 2}
    document = json.loads(without_category(tmp_path).read_text())
    del document["categories"]
    path = written(tmp_path / "c.json", document)
    annotations = open_annotations(path, options=ReadOptions(default_label="thing"))
    assert painted(annotations) == [("a.jpg", "thing", 9), ("a.jpg", "7", 9)]


@pytest.mark.parametrize("size", [{}, {"height": 0, "width": 0}, {"height": None, "width": 8}])
def test_sizes_come_from_pictures(tmp_path: Path, size: dict[str, Any]) -> None:
    """Where the file tells none or 0; of a picture beside, or below `--images`, or the run is refused."""
    path = written(tmp_path / "in/a.json", coco(images=[{"id": 1, "file_name": "a.jpg"} | size]))
    annotations = open_annotations(path)
    assert list(annotations.sized_by_pictures) == [0]
    assert annotations.notes == ("1 images have no size in the file: it is taken from their pictures",)
    with pytest.raises(InputError, match=r"1 of 1 images have no picture \(a.jpg\).*--images DIR"):
        convert(path, tmp_path / "out")
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (8, 6)).save(tmp_path / "pictures/a.jpg")
    (record,) = open_annotations(path, options=ReadOptions(images=tmp_path / "pictures"))
    assert record.frame == (6, 8)
    assert convert(path, tmp_path / "out", images=str(tmp_path / "pictures")).written == 1
    Image.new("RGB", (8, 6)).save(tmp_path / "in/a.jpg")
    assert open_annotations(path).decode(0).frame == (6, 8)


def test_runs_that_do_not_fit_the_picture_fail_their_image(tmp_path: Path) -> None:
    """Their size is compared once the picture tells it."""
    runs = {"size": [6, 8], "counts": [40, 8]}
    document = coco(images=[{"id": 1, "file_name": "a.png"}], annotations=rows({"segmentation": runs}, {}))
    path = written(tmp_path / "a.json", document)
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    assert painted(open_annotations(path))[0] == ("a.png", "cat", 8)
    Image.new("RGB", (9, 6)).save(tmp_path / "a.png")
    with pytest.raises(FormatError, match=r"a.png: .*runs of 6 × 8 px in an image of 6 × 9"):
        open_annotations(path).decode(0)


def test_lvis_names_images_by_their_url(tmp_path: Path) -> None:
    """The last two parts of `coco_url`, where there is no `file_name`, as Detectron2 takes them."""
    url = "http://images.example.org/val2017/000000397133.jpg?x=/y"
    annotations = opened(tmp_path, images=[{"id": 1, "coco_url": url, "height": 6, "width": 8}])
    assert list(annotations.names) == ["val2017/000000397133.jpg"]
    assert annotations.decode(0).name == "val2017/000000397133.jpg"
    assert "without `file_name`" in annotations.notes[0]
    with pytest.raises(FormatError, match=r"images\[0\]: Object missing required field `file_name`"):
        opened(tmp_path, images=[{"id": 1, "height": 6, "width": 8}])


def test_a_key_that_is_there_twice_is_seen_in_mended_rows_too(tmp_path: Path) -> None:
    """A row that lacks the key elsewhere does not hide it."""
    twice = '{"id": 2, "file_name": "b.jpg", "height": 6, "width": 8, "height": 5}'
    images = f'[{{"id": 1, "file_name": "a.jpg"}}, {twice}]'
    text = json.dumps(coco()).replace(json.dumps(coco()["images"]), images)
    with pytest.raises(FormatError, match=r"images\[1\].height: the key 'height' is there twice"):
        open_annotations(written(tmp_path / "a.json", text))


def test_loose_records_are_told_and_the_rest_left_out(tmp_path: Path) -> None:
    """A record that cannot be mended is refused or left out beside mended ones."""
    changes = {"annotations": [*rows({"iscrowd": "0"}, {}), {"id": 3, "image_id": 1, "category_id": None}]}
    with pytest.raises(FormatError, match=r"annotations\[2\].category_id: .*null"):
        opened(tmp_path, **changes)
    annotations = opened(tmp_path, skip=True, **changes)
    assert painted(annotations) == PLAIN
    assert [skipped.name for skipped in annotations.skipped] == ["$.annotations[2].category_id"]


def test_the_command_line_tells_what_was_read_loosely(tmp_path: Path, polymask_command: Run) -> None:
    """With its count, and the run exits 0."""
    path = written(tmp_path / "a.json", coco(annotations=rows({"iscrowd": "0", "image_id": "1"}, {})))
    run = polymask_command("convert", path, tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert "`iscrowd` is text in 1 annotations" in run.stdout
    assert "1 ids are text where others are numbers" in run.stdout
    assert masks(path)["a.jpg"].max() == 2


def test_runs_alone_in_a_list_are_runs(tmp_path: Path) -> None:
    """As COCO-Stuff 10k has them."""
    runs = {"size": [6, 8], "counts": [7, 3, 38]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco(annotations=rows({"segmentation": runs}, {}))))
    plain = next(iter(open_annotations(path)))
    path.write_text(json.dumps(coco(annotations=rows({"segmentation": [runs]}, {}))))
    annotations = open_annotations(path)
    listed = next(iter(annotations))
    assert listed.instances[0].shape.counts.tolist() == plain.instances[0].shape.counts.tolist()
    assert annotations.notes == ("1 segmentations are runs within a list",)
    path.write_text(json.dumps(coco(annotations=rows({"segmentation": [{"counts": [1]}]}, {}))))
    with pytest.raises(FormatError, match=r"segmentation\[0\]"):
        list(open_annotations(path))


def test_several_runs_in_a_list_are_united(tmp_path: Path) -> None:
    """As `annToRLE` of pycocotools merges what a list holds; a pixel of both counts once."""
    parts = [{"size": [6, 8], "counts": [0, 3, 45]}, {"size": [6, 8], "counts": [2, 2, 44]}]
    annotations = opened(tmp_path, annotations=rows({"segmentation": parts}, {}))
    assert painted(annotations) == [("a.jpg", "cat", 4), PLAIN[1]]
    assert annotations.notes == ("1 segmentations are runs within a list",)
    oracle = mask.decode(mask.merge(mask.frPyObjects(parts, 6, 8)))
    cat = next(iter(label_masks(annotations.decode(0))))
    assert (cat.mask == oracle).all()


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"size": [6, 9], "counts": [54]}, r"segmentation\[1\].size"),
        ({"size": [6, 8], "counts": [7]}, r"segmentation\[1\].counts"),
        (square(1, 1, 3), r"segmentation\[1\]"),
    ],
)
def test_an_odd_part_of_a_list_of_runs_is_refused_with_its_place(
    part: object, place: str, tmp_path: Path
) -> None:
    """Of another size, of too few pixels, or a ring."""
    parts = [{"size": [6, 8], "counts": [0, 3, 45]}, part]
    with pytest.raises(FormatError, match=place):
        opened(tmp_path, annotations=rows({"segmentation": parts}, {}))


@pytest.mark.parametrize(
    ("segmentation", "note"),
    [
        ([[[1, 0], [4, 0], [4, 3], [1, 3]]], "1 segmentations have their points as pairs"),
        ([["1", "0", "4", "0", "4.0", "3", "1", "3"]], "1 segmentations have their coordinates as text"),
    ],
)
def test_rings_of_pairs_and_of_text_are_rings(segmentation: Any, note: str, tmp_path: Path) -> None:
    """The same pixels as of plain numbers, and a note."""
    plain = opened(tmp_path, annotations=rows({"segmentation": [[1, 0, 4, 0, 4, 3, 1, 3]]}, {}))
    drawn = painted(plain)
    annotations = opened(tmp_path, annotations=rows({"segmentation": segmentation}, {}))
    assert painted(annotations) == drawn
    assert annotations.notes == (note,)


@pytest.mark.parametrize(
    "ring", [["NaN", "0", "4", "0", "4", "3"], ["1,5", "0", "4", "0", "4", "3"], [[1, 2, 3]]]
)
def test_text_that_is_no_number_is_refused_with_its_place(ring: list[Any], tmp_path: Path) -> None:
    """And triples are no points."""
    with pytest.raises(FormatError, match=r"segmentation\[0\]\[0\]"):
        opened(tmp_path, annotations=rows({"segmentation": [ring]}, {}))
