"""COCO: what is read, what is refused with its place, what is left out and reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as pycocotools_mask

from polymask import FormatError, InputError, LimitError, Limits, NotFound, Runs, index_mask, read
from polymask.formats import ReadOptions, open_annotations
from polymask.labels.label_map import from_categories
from tests.conftest import coco, square
from tests.support.oracles import drawn

Write = Callable[..., Path]
RLE = {"size": [6, 8], "counts": [0, 6, 42]}


def annotation(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "image_id": 1,
        "category_id": 3,
        "segmentation": [square(1, 1, 3)],
        "iscrowd": 0,
    } | changes


def masks(path: Path) -> list[np.ndarray]:
    annotations = open_annotations(path)
    label_map = from_categories(annotations.categories)
    return [index_mask(record, label_map) for record in annotations]


def test_polygons_become_a_mask(coco_file: Write) -> None:
    """The small sample, drawn by hand."""
    assert (
        masks(coco_file())[0] == drawn("........", ".###....", ".##222..", ".##222..", "...222..", "........")
    ).all()


def test_both_kinds_of_runs_are_told_by_type_never_by_iscrowd(coco_file: Write) -> None:
    """A list of counts and a string of counts give the same mask, whatever `iscrowd` says."""
    counts = pycocotools_mask.frPyObjects(RLE, 6, 8)["counts"].decode()
    for segmentation in (RLE, RLE | {"counts": counts}):
        for crowd in (0, 1, True, None):
            path = coco_file(annotations=[annotation(segmentation=segmentation, iscrowd=crowd)])
            (record,) = read(path)
            assert record.instances[0].shape == Runs([0, 6, 42], (6, 8))
            assert record.instances[0].crowd == bool(crowd)


@pytest.mark.parametrize(("number", "text"), [(8, "8"), (8, "8.0"), (8, "8e0"), (8, "0.8E+1"), (8, "80e-1")])
def test_numbers_come_in_any_json_form(coco_file: Write, number: int, text: str) -> None:
    """Whole numbers may be written as floats or with exponents, ids too."""
    document = (
        json.dumps(coco())
        .replace('"width": 8', f'"width": {text}')
        .replace('"image_id": 1', '"image_id": 1.0')
    )
    path = coco_file()
    path.write_text(document)
    (record,) = read(path)
    assert record.frame == (6, number)
    assert len(record.instances) == 2


def test_ids_may_be_text(coco_file: Write) -> None:
    """Some writers use file names as image ids."""
    path = coco_file(images=[{"id": "x", "file_name": "a.jpg", "height": 6, "width": 8}],
                     annotations=[annotation(image_id="x", id="a1")])  # fmt: skip
    (record,) = read(path)
    assert (record.id, record.instances[0].id) == ("x", "a1")


def test_category_id_zero_is_a_class(coco_file: Write) -> None:
    """Zero is an id like others, also written as text, and where the annotation has no id of its own."""
    for named in ({}, {"id": None}, {"category_id": "0"}):
        annotations = [annotation(category_id=0) | named]
        path = coco_file(categories=[{"id": 0, "name": "cat"}], annotations=annotations)
        assert masks(path)[0].max() == 1


def test_categories_are_in_ascending_order_of_id_used_or_not(coco_file: Write) -> None:
    """The file's own order of the list does not matter."""
    path = coco_file(categories=[{"id": 9, "name": "z"}, {"id": 3, "name": "cat"}, {"id": 7, "name": "dog"}])
    assert open_annotations(path).categories == (("cat", 3), ("dog", 7), ("z", 9))


def test_an_image_without_annotations_is_read(coco_file: Write) -> None:
    """It has a record, and so a mask."""
    path = coco_file(annotations=[])
    assert [len(record.instances) for record in read(path)] == [0]


@pytest.mark.parametrize("segmentation", [None, []])
def test_an_annotation_without_segmentation_paints_nothing_and_is_counted(
    coco_file: Write, segmentation: object
) -> None:
    """Boxes only: counted, not refused."""
    path = coco_file(annotations=[annotation(segmentation=segmentation), annotation(id=2)])
    annotations = open_annotations(path)
    assert annotations.unsegmented == 1
    assert annotations.used == {"cat": 1}


def test_an_annotation_without_id_is_named_by_its_place(coco_file: Write) -> None:
    """Ids are never needed to find an annotation."""
    bare = annotation()
    del bare["id"]
    (record,) = read(coco_file(annotations=[bare]))
    assert record.instances[0].id == "annotations[0]"


def test_duplicate_annotation_ids_are_reported_and_both_kept(coco_file: Write) -> None:
    """Two annotations of one id are two instances and two findings."""
    annotations = open_annotations(coco_file(annotations=[annotation(), annotation(category_id=7)]))
    assert len(annotations.decode(0).instances) == 2
    assert [(f.kind, f.instance) for f in annotations.findings] == [("duplicate-id", 1)] * 2


def image(**changes: Any) -> dict[str, Any]:
    return {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8} | changes


GOOD = coco()["images"][0]
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("missing category", {"annotations": [annotation(category_id=4)]},
     "$.annotations[0].category_id", "no category"),
    ("missing image", {"annotations": [annotation(image_id=9)]}, "$.annotations[0].image_id", "no image"),
    ("two points", {"annotations": [annotation(segmentation=[[1, 1, 2, 2]])]},
     "$.annotations[0].segmentation[0]", "at least 3 points, not 2"),
    ("second ring odd", {"annotations": [annotation(segmentation=[square(1, 1, 3), [1, 1, 2]])]},
     "$.annotations[0].segmentation[1]", "3 numbers are no pairs"),
    ("odd count", {"annotations": [annotation(segmentation=[[1, 1, 2, 2, 3, 3, 4]])]},
     "$.annotations[0].segmentation[0]", "7 numbers"),
    ("text for a number", {"annotations": [annotation(segmentation=[[1, 1, 2, 2, 3, "x"]])]},
     "$.annotations[0].segmentation[0][5]", '("x")'),
    ("flat list of texts", {"annotations": [annotation(segmentation=["1", "1", 2, 2, 3, 3])]},
     "$.annotations[0].segmentation[0]", "Expected `array`"),
    ("flat list, odd count", {"annotations": [annotation(segmentation=[1, 1, 2, 2, 3, 3, 4])]},
     "$.annotations[0].segmentation[0]", "7 numbers"),
    ("runs too short", {"annotations": [annotation(segmentation={"size": [6, 8], "counts": [4]})]},
     "$.annotations[0].segmentation.counts", "sum to 4"),
    ("negative runs", {"annotations": [annotation(segmentation={"size": [6, 8], "counts": [-1, 49]})]},
     "$.annotations[0].segmentation.counts", "non-negative"),
    ("runs of another size", {"annotations": [annotation(segmentation={"size": [8, 6], "counts": [48]})]},
     "$.annotations[0].segmentation.size", "8 × 6"),
    ("damaged counts", {"annotations": [annotation(segmentation={"size": [6, 8], "counts": "\x01"})]},
     "$.annotations[0].segmentation.counts", "compressed RLE"),
    ("no category id", {"annotations": [{"image_id": 1}]}, "$.annotations[0]", "category_id"),
    ("duplicate image id", {"images": [GOOD, image(id=1)]}, "$.images[1].id", "$.images[0] has the id 1"),
    ("size negative", {"images": [GOOD, image(width=-3)]}, "$.images[1].width", "not -3"),
    ("size with a fraction", {"images": [GOOD, image(width=2.5)]}, "$.images[1].width", "2.5"),
    ("size text", {"images": [GOOD, image(width="6 px")]}, "$.images[1].width", '("6 px")'),
    ("no file name", {"images": [GOOD, image(file_name="")]}, "$.images[1].file_name", "empty"),
    ("duplicate category id", {"categories": [*coco()["categories"], {"id": 3, "name": "cow"}]},
     "$.categories[2].id", "'cat'"),
    ("nameless category", {"categories": [*coco()["categories"], {"id": 4, "name": ""}]},
     "$.categories[2].name", "empty"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "changes", "where", "why"), REFUSED, ids=[case[0] for case in REFUSED])
def test_malformed_records_are_refused_with_file_and_place(
    coco_file: Write, case: str, changes: dict[str, Any], where: str, why: str
) -> None:
    """One line names the file, the JSON path, the reason and the way out."""
    path = coco_file(**changes)
    with pytest.raises(FormatError) as caught:
        open_annotations(path)
    assert str(caught.value).startswith(f"{path}: {where}: ")
    assert why in str(caught.value)
    assert "--skip-invalid" in str(caught.value)


# The images of a shared id are left out together, with their annotations: `test_coco_shared_ids.py`.
@pytest.mark.parametrize(
    ("case", "changes", "where", "why"),
    [case for case in REFUSED if case[0] != "duplicate image id"],
    ids=[case[0] for case in REFUSED if case[0] != "duplicate image id"],
)
def test_malformed_records_can_be_left_out_and_are_listed(
    coco_file: Write, case: str, changes: dict[str, Any], where: str, why: str
) -> None:
    """With `skip_invalid`, the rest is read, and what is left out is told."""
    annotations = open_annotations(coco_file(**changes), options=ReadOptions(skip_invalid=True))
    assert [skipped.name for skipped in annotations.skipped] == [where]
    assert why in annotations.skipped[0].reason
    assert [record.name for record in annotations] == ["a.jpg"]


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_are_none_are_refused_with_their_place(coco_file: Write, constant: str) -> None:
    """NaN, infinity and overflow are named where they stand, not as a byte offset."""
    path = coco_file()
    path.write_text(path.read_text().replace("[[1, 1,", f"[[1, {constant},"))
    with pytest.raises(FormatError, match=r"\$\.annotations\[0\]\.segmentation\[0\]\[1\]") as refusal:
        open_annotations(path)
    assert "str" not in str(refusal.value).replace(str(path), "")  # it is none, and was none
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert annotations.used == {"dog": 1}


def test_constants_in_fields_that_are_not_read_do_no_harm(coco_file: Write) -> None:
    """A NaN area is none of our business."""
    path = coco_file(annotations=[annotation(area=float("nan"))])
    assert len(next(iter(read(path))).instances) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"images": [', "not JSON"),
        (b'{"images": [], "annotations": [}', "not JSON"),
        (b"[" * 200_000 + b"]" * 200_000, "nested too deep"),
        (b'{"images": [], "annotations": []}', "no images"),
        (b'{"images": {}, "annotations": [], "categories": []}', "$.images"),
        (b"[]", "no images"),
        (b'{"images": [], "annotations": [], "categories": []}', "no images"),
        (b'{"shapes": []}', "none of the formats"),
        (b'"text"', "none of the formats"),
        (b"\x89PNG\r\n", "none of the formats"),
        (json.dumps(coco()).encode("utf-16"), "UTF-16"),
        (json.dumps(coco()).encode("utf-16-le"), "UTF-16"),
    ],
)
def test_files_that_are_no_coco_are_refused(tmp_path: Path, text: bytes, why: str) -> None:
    """The error names the file and what is wrong with it as a whole."""
    path = tmp_path / "file.json"
    path.write_bytes(text)
    with pytest.raises(FormatError) as caught:
        open_annotations(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert why in str(caught.value)


def test_a_byte_order_mark_is_read_over(coco_file: Write) -> None:
    """UTF-8 with a mark is UTF-8."""
    path = coco_file()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(list(read(path))) == 1


def test_an_unknown_format_and_a_missing_file_are_told(tmp_path: Path) -> None:
    """The one lists the formats, the other names the path."""
    with pytest.raises(NotFound, match=r"nothing\.json"):
        open_annotations(tmp_path / "nothing.json")
    with pytest.raises(InputError, match="coco"):
        open_annotations(tmp_path, format="kitti")


def test_a_frame_above_the_limit_is_refused_whatever_is_skipped(coco_file: Write) -> None:
    """The error says which flag raises the limit."""
    path = coco_file(images=[GOOD | {"width": 100_000, "height": 100_000}], annotations=[])
    with pytest.raises(LimitError, match=r"\$\.images\[0\].*--max-pixels"):
        open_annotations(path, options=ReadOptions(skip_invalid=True))
    options = ReadOptions(limits=Limits(max_pixels=10**10))
    assert open_annotations(path, options=options).decode(0).frame == (100_000, 100_000)


def test_a_results_list_takes_sizes_from_its_runs(tmp_path: Path) -> None:
    """Predictions: image and category are named by their ids."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 7, "category_id": 3, "segmentation": RLE, "score": 0.5}]))
    (record,) = read(path)
    assert (record.name, record.frame, record.instances[0].label) == ("7", (6, 8), "3")


def test_a_results_list_of_polygons_says_what_to_do(tmp_path: Path) -> None:
    """Polygons tell no size."""
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image_id": 7, "category_id": 3, "segmentation": [square(1, 1, 3)]}]))
    with pytest.raises(FormatError, match=r"\$\[0\]\.segmentation.*`images`"):
        open_annotations(path)


def test_a_bad_result_is_left_out_once_and_named_where_it_is(tmp_path: Path) -> None:
    """Its place is the row's own, and the good rows stay."""
    path = tmp_path / "results.json"
    bad = annotation(image_id=2, segmentation={"size": [-6, 8], "counts": [48]})
    path.write_text(json.dumps([bad, annotation(segmentation=RLE), annotation(image_id=3)]))
    annotations = open_annotations(path, options=ReadOptions(skip_invalid=True))
    assert [skipped.name for skipped in annotations.skipped] == [
        "$[0].segmentation.size",
        "$[2].segmentation",
    ]
    assert (annotations.names, annotations.used) == (["1"], {"3": 1})


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_list_that_is_there_twice_is_refused(
    coco_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, key: str, large: bool
) -> None:
    """A reader takes one of the two: what is in the other would be neither painted nor told."""
    if large:
        monkeypatch.setattr("polymask.formats.reading.content.LARGE", 0)
    path = coco_file()
    text = path.read_text()
    for second in (f'"{key}"', '"' + "".join(f"\\u{ord(letter):04x}" for letter in key) + '"'):
        path.write_text(f"{text[:-1]}, {second}: []}}")
        for skip in (False, True):
            with pytest.raises(FormatError, match=rf"instances\.json: \$\.{key}: .* twice"):
                open_annotations(path, options=ReadOptions(skip_invalid=skip))
    path.write_text(f'{text[:-1]}, "info": {{"{key}": []}}, "info": ["{key}"]}}')  # nobody reads those
    assert len(open_annotations(path).names) == 1


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    "key", ["id", "image_id", "category_id", "segmentation", "iscrowd", "file_name", "width"]
)
def test_a_record_that_says_something_twice_is_refused(
    coco_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, key: str, large: bool
) -> None:
    """Or left out and listed; a key of the same name deeper within is none."""
    if large:
        monkeypatch.setattr("polymask.formats.reading.content.LARGE", 0)
    path = coco_file(annotations=[a | {"attributes": {key: 1}} for a in coco()["annotations"]])
    text = path.read_text()
    assert sum(open_annotations(path).used.values()) == 2
    value = text.partition(f'"{key}": ')[2]
    path.write_text(
        text.replace(
            f'"{key}": ',
            f'"{key}": {value[0] if value[0] != "[" else "[]"}'
            + ('", ' if value[0] == '"' else ", ")
            + f'"{key}": ',
            1,
        )
    )
    with pytest.raises(FormatError, match=f"{key}.*twice"):
        open_annotations(path)
    (skipped,) = [
        one
        for one in open_annotations(path, options=ReadOptions(skip_invalid=True)).skipped
        if "twice" in one.reason
    ]
    assert skipped.name.endswith(f".{key}")


def test_a_second_document_behind_the_first_is_refused(coco_file: Callable[..., Path]) -> None:
    """A line each: that is no COCO file, and the second would be lost."""
    path = coco_file()
    path.write_text(f"{path.read_text()}\n")
    assert len(open_annotations(path).names) == 1
    path.write_text(path.read_text() * 2)
    with pytest.raises(FormatError, match="not JSON"):
        open_annotations(path)
