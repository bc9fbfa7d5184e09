"""Files damaged at random: whatever is wrong with them, it is an error of ours, told with the file."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polymask import PolymaskError
from polymask.formats import ReadOptions, open_annotations
from tests.conftest import Run
from tests.formats.test_every_format import FILES, WHOLE_FILES
from tests.support.formats import FIXTURES, written

VALUES = [None, True, -1, 1.5, 1e308, 10**30, "", "x", "../x", [], {}, [[]], [1], {"a": 1}, [[1, 2], [3, 4]]]
DAMAGED = [*WHOLE_FILES, "via-1/via_region_data.json", "voc/SegmentationClass/boat.png", "cvat.zip"]


def places(document: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in a JSON document."""
    if not isinstance(document, dict | list):
        return
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield (*above, key)
        yield from places(value, (*above, key))


def damaged_value(document: Any, luck: random.Random) -> Any:
    """The document with something in it gone, or replaced."""
    *above, key = luck.choice(list(places(document)))
    inner = document
    for step in above:
        inner = inner[step]
    if luck.random() < 0.3:
        del inner[key]
    else:
        inner[key] = copy.deepcopy(luck.choice(VALUES))
    return document


def damaged_bytes(data: bytes, luck: random.Random) -> bytes:
    """The bytes with a few of them changed, or the end cut off."""
    changed = bytearray(data)
    for _ in range(luck.choice((1, 3, 20))):
        changed[luck.randrange(len(changed))] = luck.choice((luck.randrange(256), *b"0123456789-.,"))
    return bytes(changed[: luck.randrange(len(changed))] if luck.random() < 0.2 else changed)


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_an_error_of_ours(name: str, tmp_path: Path) -> None:
    """Never a crash, neither while reading nor while decoding, with or without `skip_invalid`."""
    luck = random.Random(name)
    data = (FIXTURES / name).read_bytes()
    path = tmp_path / Path(name).name
    for round_ in range(30):
        if name.endswith(".json") and round_ % 2:
            written(path, damaged_value(json.loads(data), luck))
        else:
            written(path, damaged_bytes(data, luck))
        for told in (None, FILES.get(FIXTURES / name, "cvat")):
            options = ReadOptions(skip_invalid=bool(round_ % 3), images=FIXTURES / "via")
            try:
                list(open_annotations(path, format=told, options=options))
            except PolymaskError as error:
                assert str(error)  # noqa: PT017


TEXTS = {
    "no images": (
        b'{"images": [], "annotations": [], "categories": []}',
        "add those of its annotations as `images`, or export it again",
    ),
    "empty": (b"", "export it again, or leave it out"),
    "empty list": (b"[]", "export it again, or leave it out"),
    "latin 1": ('{"shapes": [], "imagePath": "\xe4.png"}'.encode("latin-1"), "save it as UTF-8"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_file_with_nothing_to_skip_has_its_own_way_out(
    tmp_path: Path, kind: str, polymask_command: Run
) -> None:
    """--from and --skip-invalid do not help there, and are not named."""
    text, way_out = TEXTS[kind]
    (tmp_path / "a.json").write_bytes(text)
    done = polymask_command("convert", tmp_path / "a.json", tmp_path / "out")
    assert done.returncode == 2
    assert f"; {way_out}" in done.stderr
    assert "--" not in done.stderr


def test_two_images_of_one_name_are_not_told_apart_by_where(tmp_path: Path, polymask_command: Run) -> None:
    """Another name is the way out, and works."""
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    document = {
        "images": [{"id": at, "file_name": "a.png", "width": 8, "height": 6} for at in (1, 2)],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": at, "image_id": at, "category_id": 1, "segmentation": square} for at in (1, 2)
        ],
    }
    (tmp_path / "a.json").write_text(json.dumps(document))
    done = polymask_command("convert", tmp_path / "a.json", tmp_path / "out")
    assert (done.returncode, "--where" in done.stderr) == (2, False)
    document["images"][1]["file_name"] = "b.png"
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert polymask_command("convert", tmp_path / "a.json", tmp_path / "out").returncode == 0
