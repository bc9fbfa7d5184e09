"""COCO files that the compiled kernel scans: everything is as if each record had been decoded and checked."""

import copy
import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import PolymaskError, convert, native
from polymask.formats import ReadOptions, open_annotations
from polymask.formats.coco import scan
from polymask.limits import Limits
from polymask.painting.batch import KIND, ODD, RINGS, RUNS
from tests.conftest import ROOT, coco, square
from tests.formats.test_coco import GOOD, REFUSED, RLE, annotation
from tests.formats.test_coco_index import DOCUMENTS, ROWS, TEXTS, facts
from tests.formats.test_damage import damaged_bytes, damaged_value

pytestmark = pytest.mark.skipif(native.compiled is None, reason="the compiled kernel scans")


def told(path: Path, *, named: str | None, **options: Any) -> Any:
    """Everything that a reader tells of a file: its facts, its ledger and its records, or its refusal."""
    try:
        annotations = open_annotations(path, format=named, options=ReadOptions(**options))
        records = list(annotations)
    except PolymaskError as error:
        return type(error), str(error)
    return facts(annotations), annotations.ledger and dict(vars(annotations.ledger)), records


def same(path: Path, *, named: str | None = "coco", **options: Any) -> Any:
    """What is told of a file, with a scan and without one."""
    quick = told(path, named=named, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "scanned", lambda _: None)
        checked = told(path, named=named, **options)
    assert quick == checked, path.read_bytes()[:3000]
    return quick


def kinds(path: Path, **options: Any) -> list[int] | None:
    """The kinds of the rows that a scan gives; None where the file is read by its records."""
    table = open_annotations(path, options=ReadOptions(**options)).table
    return table.rows[:, KIND].tolist() if table else None


def test_a_plain_file_is_scanned(coco_file: Callable[..., Path]) -> None:
    """Rings and runs are rows of numbers; each image's come together, in the file's order."""
    second = {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}
    rows = [annotation(id=1, image_id=2), annotation(id=2, segmentation=RLE), annotation(id=3)]
    path = coco_file(coco(images=[GOOD, second], annotations=rows))
    table = open_annotations(path).table
    assert table is not None
    assert table.rows[:, KIND].tolist() == [RUNS, RINGS, RINGS]
    assert table.cuts.tolist() == [0, 2, 3]
    assert [instance.id for record in open_annotations(path) for instance in record.instances] == [2, 3, 1]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_are_read_alike(tmp_path: Path, name: str) -> None:
    """In any order of keys, with any space between, with a mark before and escapes inside."""
    document, path = DOCUMENTS[name], tmp_path / "a.json"
    for keys in (sorted(document), sorted(document, reverse=True)):
        ordered = {key: document[key] for key in keys}
        for text in (
            json.dumps(ordered),
            json.dumps(ordered, indent=2, ensure_ascii=False) + "\n\n",
            json.dumps(ordered, separators=(",", ":")),
            "\ufeff \n" + json.dumps(ordered, indent="\t"),
        ):
            path.write_text(text)
            for skip in (False, True):
                same(path, skip_invalid=skip)
            same(path, boxes=True)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_odd_or_no_json_are_told_alike(tmp_path: Path, name: str) -> None:
    """What is no JSON, or says something twice, is told as before."""
    path = tmp_path / "a.json"
    for rows in (ROWS[:1], [annotation(image_id=9)], [{"image_id": 1}], [annotation(area=float("nan"))]):
        inner = json.dumps(coco(annotations=rows))[1:-1]
        path.write_text(TEXTS[name].replace("%s", inner))
        same(path)
        same(path, named=None)


@pytest.mark.parametrize(("case", "changes", "where", "why"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refusals_are_the_same(
    tmp_path: Path, case: str, changes: dict[str, Any], where: str, why: str
) -> None:
    """The same file, place, reason and way out; and the same that is left out."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco(**changes)))
    for skip in (False, True):
        same(path, skip_invalid=skip)


SEGMENTATIONS = {
    "rings": ("[[1, 1, 4, 1, 4, 3.5]]", RINGS),
    "space everywhere": ("[ [ 1 , 1 ,\n4,1,4 , 3 ] , [0,0,1,0,1,1] ]", RINGS),
    "a number of many digits": ("[[1.00000000000000000000000001, 1, 4, 1, 4, 3]]", ODD),
    "an exponent": ("[[1e0, 1, 4, 1, 4, 3]]", ODD),
    "a negative zero": ("[[-0, 1, 4, 1, 4, 3]]", RINGS),
    "more digits than float64 has": ("[[0.12345678901234567, 1, 4, 1, 4, 3]]", RINGS),
    "compressed runs": ('{"size": [6, 8], "counts": "=2O1"}', None),
    "runs": ('{"counts": [8, 2, 38], "size": [6, 8]}', RUNS),
    "runs and more": ('{"counts": [8, 2, 38], "size": [6, 8], "more": [{"a": null}]}', RUNS),
    "runs of nothing": ('{"counts": [48], "size": [6, 8]}', RUNS),
    "a size of floats": ('{"counts": [8, 2, 38], "size": [6.0, 8]}', ODD),
    "an escape in runs": (r'{"counts": "\u0038\u0032", "size": [6, 8]}', None),
}


@pytest.mark.parametrize("name", SEGMENTATIONS)
def test_segmentations_are_read_alike(tmp_path: Path, name: str) -> None:
    """Plain ones as numbers, others one by one; what cannot be drawn is refused as before."""
    text, kind = SEGMENTATIONS[name]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco(annotations=[annotation(segmentation="@")])).replace('"@"', text))
    same(path)
    if kind is not None:
        assert kinds(path) == [kind]


def test_ids_of_zero_are_ids(coco_file: Callable[..., Path]) -> None:
    """Of an image, a category and an annotation."""
    image, category = {**GOOD, "id": 0}, {"id": 0, "name": "cat"}
    rows = [annotation(id=0, image_id=0, category_id=0), annotation(image_id=0, category_id=0)]
    path = coco_file(coco(images=[image], categories=[category], annotations=rows))
    _, _, records = same(path)
    assert [instance.id for instance in records[0].instances] == [0, annotation()["id"]]


FIELDS = {
    "crowds": [annotation(iscrowd=flag) for flag in (0, 1, 2, True, False, None)],
    "a fraction of a crowd": [annotation(iscrowd=0.5)],
    "an id of text": [annotation(id="7")],
    "an id of many digits": [annotation(id=10**30)],
    "a negative id": [annotation(id=-5)],
    "no id": [{key: value for key, value in annotation().items() if key != "id"}],
    "one id twice": [annotation(id=5), annotation(id=6), annotation(id=5)],
    "a key with an escape": [annotation(**{"n\n": 1})],
    "a box alone": [annotation(segmentation=[], bbox=[1, 1, 2, 2]), annotation(segmentation=None)],
    "a box that is none": [annotation(segmentation=[], bbox=[1, 1, 2])],
}


@pytest.mark.parametrize("name", FIELDS)
def test_fields_are_read_alike(tmp_path: Path, name: str) -> None:
    """Numbers of any form, ids of any kind, boxes with --boxes and without."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(coco(annotations=FIELDS[name])))
    same(path)
    same(path, boxes=True, skip_invalid=True)


@pytest.mark.parametrize(
    "limits",
    [{"max_vertices": 3}, {"max_instances": 1}, {"max_pixels": 40}, {"max_depth": 4}, {"max_depth": 5}],
    ids=str,
)
def test_limits_are_kept(coco_file: Callable[..., Path], limits: dict[str, int]) -> None:
    """The same refusal, which names the flag."""
    rows = [annotation(), annotation(note=[[[[1]]]])]
    for document in (coco(), coco(annotations=rows)):
        same(coco_file(document), limits=Limits(**limits))


def test_damaged_files_are_told_alike(tmp_path: Path) -> None:
    """Values and bytes changed at random."""
    luck, path = random.Random(7), tmp_path / "a.json"
    document = coco(images=[GOOD], annotations=[*ROWS[:1], annotation(id=2, segmentation=RLE)])
    data = json.dumps(document).encode()
    for number in range(300):
        if number % 2:
            path.write_text(json.dumps(damaged_value(copy.deepcopy(document), luck)))
        else:
            path.write_bytes(damaged_bytes(data, luck))
        same(path)
        same(path, named=None, skip_invalid=True)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "fixtures").rglob("*.json")), ids=lambda p: f"{p.parent.name}-{p.name}"
)
def test_any_file_is_told_alike(path: Path) -> None:
    """Whatever format it is of: a scan claims no file that is another's."""
    same(path, named=None)


def test_another_frame_of_runs_is_refused(coco_file: Callable[..., Path]) -> None:
    """The runs are plain, but not of their image."""
    same(coco_file(annotations=[annotation(segmentation={"size": [8, 6], "counts": [48]})]))


def test_it_can_be_sent_to_another_process(coco_file: Callable[..., Path]) -> None:
    """As an executor sends annotations that were opened already."""
    annotations = open_annotations(coco_file())
    assert list(pickle.loads(pickle.dumps(annotations.decode.__self__)).record(0).instances) == list(  # type: ignore[attr-defined]
        annotations.decode(0).instances
    )


def test_polygons_can_be_taken_out(coco_file: Callable[..., Path], tmp_path: Path) -> None:
    """The rows of the file are those of the records, though an annotation between them paints nothing."""
    rows = [
        annotation(id=1),
        annotation(id=2, segmentation=[]),
        annotation(id=3, segmentation=[square(4, 0, 2)]),
    ]
    path = coco_file(annotations=rows)
    report = convert(path, tmp_path / "out", delete_source=True)
    assert report.deleted == 2
    assert [row["id"] for row in json.loads(path.read_text())["annotations"]] == [2]


def test_wrong_calls_are_refused() -> None:
    """The kernel reads no number where there is none."""
    module: Any = native.compiled
    assert module.coco(b"", 200) is None
    assert module.coco(b"{" * 300, 200) is None
    with pytest.raises(TypeError):
        module.coco("{}", 200)
    assert (
        np.frombuffer(module.coco(b'{"images":[],"annotations":[],"categories":[]}', 9)[0], np.int64).size
        == 0
    )
