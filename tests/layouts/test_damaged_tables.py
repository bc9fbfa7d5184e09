"""Tables beside the masks may be damaged: every command says which file, and none ends in a traceback."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polymask import PolymaskError, compare, convert, stats, verify
from polymask.layouts import LAYOUTS
from polymask.report.html import preview
from tests.conftest import coco

ROUNDS = 2  # of each table
WRONG = [None, [], {}, "x", -1, 0, 1.5, 256, 65536, 2**63, 10**30, float("nan"), True, "../x", "a\nb", [[]]]
LINES = [
    b"",
    b"NaN",
    b"1e999 x",
    b"9" * 30 + b" 9 3 a",
    b"\xc3\x28",
    b":::",
    b"a:b",
    b"1\t",
    b'  0: "x',
    b"\0",
]


def tables(folder: Path) -> list[str]:
    """Whatever holds no pixels."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".png", ".npz"))
    return sorted(path.relative_to(folder).as_posix() for path in files)


def damaged(data: bytes, name: str, chance: random.Random) -> bytes:
    """Cut, no UTF-8, empty, a byte turned, a line replaced, or a JSON value dropped or of another kind."""
    kinds = ["cut", "utf-16", "empty", "byte", "line"]
    kind = chance.choice([*kinds, *["value"] * 5] if name.endswith((".json", ".jsonl")) else kinds)
    if kind == "cut":
        return data[: chance.randrange(len(data))]
    if kind == "utf-16":
        return b"\xff\xfe" + data
    if kind == "byte":
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == "line":
        lines = data.split(b"\n")
        lines[chance.randrange(len(lines))] = chance.choice(LINES)
        return b"\n".join(lines)
    return json.dumps(_with_wrong_value(json.loads(data), chance)).encode() if kind == "value" else b""


def _with_wrong_value(document: Any, chance: random.Random) -> Any:
    nodes = list(_nodes(document))
    if nodes:
        node, key = chance.choice(nodes)
        if chance.random() < 0.3:
            del node[key]
        else:
            node[key] = chance.choice(WRONG)
    return document


def _nodes(document: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _nodes(document[key])


def commands(bad: Path, good: Path, source: Path, other: Path) -> dict[str, Callable[[], object]]:
    return {
        "verify": lambda: verify(bad),
        "verify --source": lambda: verify(bad, source=source),
        "stats": lambda: stats(bad),
        "compare": lambda: compare(bad, good),
        "preview": lambda: preview(bad, bad.parent / "page.html"),
        "convert": lambda: convert(other, bad, to=LAYOUT_OF[bad.name]),
        "convert --overwrite": lambda: convert(source, bad, to=LAYOUT_OF[bad.name], overwrite=True),
    }


LAYOUT_OF = {f"of-{layout}": layout for layout in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_damaged_table_is_named(tmp_path: Path, layout: str) -> None:
    """Exit 2, or 5 of `verify`; 4 of a run that would write over what somebody may have edited."""
    source, other, good = tmp_path / "a.json", tmp_path / "b.json", tmp_path / "good"
    source.write_text(json.dumps(coco()))
    other.write_text(json.dumps(coco(images=[{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}])))
    convert(source, good, to=layout)
    chance, bad = random.Random(layout), tmp_path / f"of-{layout}"
    for table in [table for table in tables(good) for _ in range(ROUNDS)]:
        shutil.copytree(good, bad)
        for known in ("labels.json", "id2label.json", "manifest.jsonl"):
            if known != table and chance.random() < 0.3:
                (bad / known).unlink()
        data = damaged((good / table).read_bytes(), table, chance)
        (bad / table).write_bytes(data)
        for name, command in commands(bad, good, source, other).items():
            if error := refusal(command):
                told = f"{name} with {table} of {data!r}: {error}"
                assert error.exit_code in (2, 4 if name == "convert" else 5), told
                assert str(bad) in str(error) or table in str(error), told
        shutil.rmtree(bad)


def refusal(command: Callable[[], object]) -> PolymaskError | None:
    try:
        command()
    except PolymaskError as error:
        return error
    return None


@pytest.mark.parametrize("layout", ["ade20k", "voc", "camvid", "coco-stuff"])
@pytest.mark.parametrize("name", ["two\nlines", "two\u2028lines", " outside"])
def test_labels_that_no_line_holds_are_refused(coco_file, tmp_path, layout, name):
    """Their tables have a line a label; what could not be read back is not written."""
    source = coco_file(categories=[{"id": 3, "name": name}, {"id": 7, "name": "dog"}])
    with pytest.raises(PolymaskError, match=r"does not fit into .*-> NAME"):
        convert(source, tmp_path / "out", to=layout)
    assert not (tmp_path / "out").exists()


def test_a_tab_is_what_parts_columns_in_ade20k(coco_file, tmp_path):
    source = coco_file(categories=[{"id": 3, "name": "a\tb"}, {"id": 7, "name": "dog"}])
    with pytest.raises(PolymaskError, match=r"objectInfo\.txt .*no '\\t'"):
        convert(source, tmp_path / "out", to="ade20k")


def test_an_image_that_panoptic_json_lacks_is_named(coco_file, tmp_path):
    """The manifest lists it: `stats` says so, and a second run does not drop what it cannot find."""
    convert(coco_file(), tmp_path / "out", to="coco-panoptic")
    path = tmp_path / "out/annotations/panoptic_train.json"
    document = json.loads(path.read_text()) | {"annotations": []}
    path.write_text(json.dumps(document))
    with pytest.raises(
        PolymaskError, match=r"panoptic_train\.json says nothing of annotations/panoptic_train/a\.png"
    ):
        stats(tmp_path / "out")
    images = [{"id": 1, "file_name": "b.jpg", "height": 6, "width": 8}]
    with pytest.raises(PolymaskError, match=r"panoptic_train\.json says nothing of a\.jpg"):
        convert(coco_file(images=images), tmp_path / "out", to="coco-panoptic")
    assert not (tmp_path / "out/annotations/panoptic_train/b.png").exists()
