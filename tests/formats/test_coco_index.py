"""Large COCO files, read by parts: everything is as if the file had been read as a whole."""

import copy
import json
import os
import pickle
import random
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import ConflictError, PolymaskError, convert
from polymask.formats import Annotations, ReadOptions, open_annotations
from polymask.formats.coco.large import columns as coco_columns
from polymask.formats.coco.large import index_cache as index_store
from polymask.formats.parsing import nesting as places
from polymask.formats.parsing import outline
from polymask.formats.parsing.byte_ranges import Ranges
from polymask.formats.parsing.nesting import Nesting
from polymask.formats.parsing.outline import outline_of
from polymask.formats.reading import content
from polymask.painting.batch import CROWD, FROM, ID, KIND, LABEL, TO
from tests.benchmarks.generator import write_coco
from tests.conftest import coco, square
from tests.formats.test_coco import GOOD, REFUSED, RLE, annotation
from tests.formats.test_damage import damaged_bytes, damaged_value

Read = Callable[..., Any]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "polymask" / "indexes"


@pytest.fixture
def by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large, a block holds two or three rows, images in twos, a chunk ends anywhere."""
    monkeypatch.setattr(content, "LARGE", 0)
    monkeypatch.setattr(outline, "BLOCK", 200)
    monkeypatch.setattr(coco_columns, "BATCH_SIZE", 2)
    monkeypatch.setattr(Ranges.chunks, "__defaults__", (97,))


def told(path: Path, *, named: str | None = "coco", **options: Any) -> Any:
    """Everything that a reader tells of a file: its facts and records, or its refusal."""
    try:
        found = open_annotations(path, format=named, options=ReadOptions(**options))
        records = list(found)
    except PolymaskError as error:
        return type(error), str(error)
    return facts(found), records


def facts(found: Annotations) -> dict[str, Any]:
    names = ("format", "categories", "names", "used", "skipped", "unsegmented", "findings", "path")
    return {name: getattr(found, name) for name in names} | {"labels": list(found.used)}


def both(path: Path, **options: Any) -> tuple[Any, Any]:
    """What the two ways of reading tell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "LARGE", 1 << 40)
        whole = told(path, **options)
    return told(path, **options), whole


def same(path: Path, **options: Any) -> Any:
    parts, whole = both(path, **options)
    assert parts == whole, path.read_bytes()[:3000]
    return parts


ROWS = [
    annotation(),
    annotation(id=2, segmentation=RLE, iscrowd=1, image_id=2),
    annotation(id=3, segmentation=[]),
    annotation(id=4, category_id=7, image_id=2, segmentation=[square(0, 0, 3), square(2, 2, 4)]),
    annotation(id="x", bbox=[1, [2, {"a": ']}[{,\\"'}]], note='é\u2028"\\'),
    annotation(id=4.0),
]
DOCUMENTS: dict[str, Any] = {
    "as usual": coco(
        images=[GOOD, {"id": 2, "file_name": "b.jpg", "height": 6, "width": 8}], annotations=ROWS
    ),
    "no annotations": coco(annotations=[]),
    "no images": coco(images=[]),
    "empty": coco(images=[], annotations=[]),
    "not lists": coco(images={}),
    "annotations no list": coco(annotations={"a": [1, 2]}),
    "lists of other things": coco(annotations=[1, None, "x", [annotation()], annotation()]),
    "more lists": coco(annotations=ROWS[:1], extra=[1, [2, [3]], {"a": []}], info={"a": [1, {}], "b": "[,]"}),
    "no categories": {"images": [GOOD], "annotations": []},
}


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_are_read_alike(tmp_path: Path, by_parts: None, name: str, skip: bool) -> None:
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
            same(path, skip_invalid=skip)


TEXTS = {
    "twice the same key": '{"annotations": [1], "images": [2], %s}',
    "an escaped key": '{"im\\u0061ges": [9], %s}',
    "truncated": '{"info": {"a": [1, 2]}, %s, "licenses": [{"a": [',
    "not closed": "{%s",
    "a comma too many": '{"licenses": [1, 2, ], %s}',
    "a comma too many and a long list": '{"licenses": [' + "1234567890, " * 40 + "], %s}",
    "two commas": '{"licenses": [' + "1234567890, " * 40 + ", 2], %s}",
    "a comma too many around": "{%s, }",
    "no comma": '{"a": [1] "b": [2], %s}',
    "the wrong bracket": '{"a": [1, [2, 3}, 4], %s}',
    "the wrong bracket at the end": '{"a": [1, 2}, %s}',
    "more behind": "{%s}}, [1, 2]",
    "two values": "{%s} {%s}",
    "a word": '{"a": [nul, 1], %s}',
    "a string that does not end": '{"a": ["b, %s}',
    "not closed inside": '{"a": [{"b": 1, %s}',
    "a constant around": '{"info": {"a": NaN}, %s}',
    "a constant inside": '{"licenses": [1, NaN, {"a": -Infinity}], %s}',
    "nested": '{"licenses": [' + "[" * 199 + "]" * 199 + "], %s}",
    "nested more than is allowed": '{"licenses": [' + "[" * 200 + "]" * 200 + "], %s}",
    "nested more than is allowed around": '{"info": {"a":' + "[" * 300 + "]" * 300 + "}, %s}",
    "brackets within a text": '{"info": {"a":"' + "[" * 300 + '"}, %s}',
    "nested deep": '{"licenses": [' + "[" * 5000 + "]" * 5000 + "], %s}",
    "nested deep around": '{"info": {"a":' + "[" * 5000 + "]" * 5000 + "}, %s}",
    "a control character": '{"licenses": ["a\x01"], %s}',
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", TEXTS)
def test_texts_that_are_odd_or_no_json_are_told_alike(
    tmp_path: Path, by_parts: None, name: str, named: bool
) -> None:
    """Errors name the same byte, wherever a block ends."""
    path = tmp_path / "a.json"
    for rows in (ROWS[:1], [annotation(image_id=9)], [{"image_id": 1}], [annotation(area=float("nan"))]):
        inner = json.dumps(coco(annotations=rows))[1:-1]
        path.write_text(TEXTS[name].replace("%s", inner))
        parts, whole = both(path, named="coco" if named else None)
        if isinstance(whole[1], str) and "(char " in whole[1]:  # told by another library, from elsewhere
            assert parts[0] == whole[0]
            assert "not JSON" in parts[1]
        else:
            assert parts == whole


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(("case", "changes", "where", "why"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refusals_are_the_same(
    tmp_path: Path, by_parts: None, case: str, changes: dict[str, Any], where: str, why: str, skip: bool
) -> None:
    """The same file, place, reason and way out; and the first of several."""
    path = tmp_path / "a.json"
    document = coco(**changes)
    path.write_text(json.dumps(document))
    same(path, skip_invalid=skip)
    document["annotations"] = [
        annotation(image_id=44),
        *document["annotations"],
        annotation(segmentation=[[1, 2]]),
        {"image_id": 1, "category_id": None},
    ]
    path.write_text(json.dumps(document))
    same(path, skip_invalid=skip)


@pytest.mark.parametrize("skip", [False, True])
def test_damaged_files_are_told_alike(tmp_path: Path, by_parts: None, skip: bool) -> None:
    """Values and bytes changed at random."""
    luck, path = random.Random(7), tmp_path / "a.json"
    data = json.dumps(DOCUMENTS["as usual"]).encode()
    for number in range(250):
        if number % 2:
            path.write_text(json.dumps(damaged_value(copy.deepcopy(DOCUMENTS["as usual"]), luck)))
        else:
            path.write_bytes(damaged_bytes(data, luck))
        same(path, skip_invalid=skip)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e400"])
@pytest.mark.parametrize("skip", [False, True])
def test_numbers_that_are_none_are_told_alike(
    tmp_path: Path, by_parts: None, constant: str, skip: bool
) -> None:
    """In a ring they are refused with their place, elsewhere they do no harm."""
    path = tmp_path / "a.json"
    for field in ('"segmentation": [[1, ', '"area": [1, '):
        text = json.dumps(DOCUMENTS["as usual"]).replace('"iscrowd"', '"area": [1, 2], "iscrowd"')
        assert field in text
        path.write_text(text.replace(field, field + f"{constant}, 1, "))
        same(path, skip_invalid=skip)


def test_the_text_of_an_image_is_not_held_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many annotations some are read at a time: what stays is their points."""
    monkeypatch.setattr(content, "LARGE", 0)
    monkeypatch.setattr(coco_columns, "BATCH_SIZE", 10)
    path = tmp_path / "a.json"
    rows = [annotation(id=n, note="x" * 20_000) for n in range(200)]
    path.write_text(json.dumps(coco(annotations=rows)))
    found = open_annotations(path)
    tracemalloc.start()
    assert len(found.decode(0).instances) == 200
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4


def test_any_seekable_file_can_be_read_by_parts(generated: Path) -> None:
    """A file on a disk is only the usual one; each process and thread opens it itself."""
    data = generated.read_bytes()
    file = Ranges("elsewhere", size=len(data), open_file=lambda _: BytesIO(data))
    assert b"".join(file.chunks(1000)) == data
    assert outline_of(file).text == outline_of(Ranges(generated)).text
    with pytest.raises(ConflictError, match="shorter"):
        Ranges("elsewhere", size=9, open_file=lambda _: BytesIO(b"12345")).read(3, 9)


def test_other_formats_are_sniffed_as_before(tmp_path: Path, by_parts: None) -> None:
    """A panoptic file, a results list and lines of JSON are no large COCO file."""
    for name in ("coco-panoptic/panoptic.json", "coco-results/results.json", "labelbox/export.ndjson",
                 "datumaro/annotations/default.json", "rectlabel/annotations.json"):  # fmt: skip
        same(Path("fixtures", name), named=None)


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    path = tmp_path / "generated.json"
    write_coco(path, images=60)
    return path


def test_masks_are_the_same_with_forked_workers(generated: Path, tmp_path: Path, by_parts: None) -> None:
    """Each process reads its own part of the file."""
    convert(generated, tmp_path / "parts", workers=2)
    content.LARGE = 1 << 40
    convert(generated, tmp_path / "whole")
    for path in (tmp_path / "whole").rglob("*.*"):
        assert (tmp_path / "parts" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_it_can_be_sent_to_another_process(generated: Path, tmp_path: Path, by_parts: None) -> None:
    """What is sent is small, and the process opens the file and the index itself."""
    annotations = open_annotations(generated)
    assert len(pickle.dumps(annotations.decode)) < 1000
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(annotations.decode, 7).result() == annotations.decode(7)
    report = convert(generated, tmp_path / "out", delete_source=True)
    assert report.deleted + len(report.kept) == report.instances
    assert sum(len(record.instances) for record in open_annotations(generated)) == len(report.kept)


def test_the_index_is_made_once_for_a_file_as_it_is(
    generated: Path, cache: Path, by_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept whole or not at all; another state of the file has another index, and the old one goes."""
    first = told(generated)
    (folder,) = cache.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(outline, "outline_of", lambda file: pytest.fail("read again"))
        patch.setattr(content, "outline_of", lambda file: pytest.fail("read again"))
        assert told(generated) == first
    (folder / "facts.json").write_text("{}")
    assert told(generated) == first
    os.utime(generated, ns=(1, 1))
    assert told(generated) == first
    assert folder not in list(cache.iterdir())


def test_what_nobody_uses_is_dropped(generated: Path, cache: Path, by_parts: None) -> None:
    """Indexes unused for long, and what a killed run left; what is in use stays."""
    for name in (".left", "unused", "used"):
        (cache / name).mkdir(parents=True)
        (cache / name / "marks.npy").touch()
    for name in (".left", "unused"):
        os.utime(cache / name, (1, time.time() - index_store.RETENTION - 10))
    told(generated)
    assert {"used"} < {one.name for one in cache.iterdir()}
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_to_costs_time_only(
    generated: Path, tmp_path: Path, by_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index then serves one run."""
    first = told(generated)
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert told(generated) == first
    annotations = open_annotations(generated)
    assert pickle.loads(pickle.dumps(annotations.decode))(3) == annotations.decode(3)


def test_a_file_that_changes_under_the_run_is_noticed(generated: Path, by_parts: None) -> None:
    """Rows that are not where they were, or of another image, are no annotations of this one."""
    annotations = open_annotations(generated)
    text = generated.read_bytes()
    for changed in (text[: len(text) // 2], text.replace(b'"image_id": ', b'"image_id":1'), text[5:]):
        generated.write_bytes(changed)
        with pytest.raises(ConflictError, match=r"changed|shorter"):
            list(annotations)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_both_kernels_find_the_same_places(size: int) -> None:
    """Wherever a chunk ends: in a string, behind a backslash, at any depth."""
    luck = random.Random(size)
    for _ in range(200):
        text = bytes(luck.choice(b'{{}}[[]],,":1 ') for _ in range(luck.randrange(60)))
        text += json.dumps({"a\\": ['"', "\\\\", "]", [{"b": [1, '\\"']}]]}).encode()
        twin = compiled = Nesting()
        for at in range(0, len(text), size):
            one, twin = places.find(text[at : at + size], twin, most=2)
            other, compiled = places.places_in(text[at : at + size], compiled, most=2)
            assert one.tolist() == other.tolist()
            assert twin == compiled


def test_the_outline_of_a_file(tmp_path: Path, by_parts: None) -> None:
    """Lists stand as their numbers; their elements part at commas of their own."""
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, [2, 3], "x,y"], "b": {"c": [4]}, "d": [ ]}')
    found = outline_of(Ranges(path))
    assert json.loads(found.text) == {"a": [0], "b": {"c": [4]}, "d": [1]}
    assert [rows.text(0, len(rows)) for rows in found.lists] == [b'1, [2, 3], "x,y"', b""]
    assert [found.lists[0].text(i, i + 1).strip() for i in range(3)] == [b"1", b"[2, 3]", b'"x,y"']
    assert np.array_equal(found.lists[0].marks, [6, 8, 16, 23])
    assert index_store.cache_folder().name == "indexes"


def test_tables_of_some_images_hold_what_a_scan_of_the_file_holds(
    generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of some images of a large file has their rows of the whole file's table, in any order."""
    whole = open_annotations(generated).table
    monkeypatch.setattr(content, "LARGE", 0)
    large = open_annotations(generated)
    assert large.table_of is not None
    if whole is None:  # the numpy kernel scans nothing
        assert large.table_of([0]) is None
        return
    indices = [3, 0, 2]
    part = large.table_of(indices)
    assert part is not None
    assert part.names == [whole.names[index] for index in indices]
    for place, index in enumerate(indices):
        rows, expected = (
            [
                (table.labels[row[LABEL]], *row[[ID, CROWD, KIND]].tolist(), table.text[row[FROM] : row[TO]])
                for row in table.rows[table.cuts[image] : table.cuts[image + 1]]
            ]
            for table, image in ((part, place), (whole, index))
        )
        assert rows == expected
        assert len(rows) > 0


def test_a_file_that_changes_under_the_run_has_no_table(generated: Path, by_parts: None) -> None:
    """Where a row belongs to another image than the index says, there is no table; the record tells of it."""
    large = open_annotations(generated)
    assert large.table_of is not None
    data = generated.read_bytes()
    generated.write_bytes(data.replace(b'"image_id": 1,', b'"image_id": 2,'))
    assert large.table_of([1]) is None
    with pytest.raises(PolymaskError, match="changed"):
        large.decode(1)
