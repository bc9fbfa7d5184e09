"""A refusal of what a source holds names its file, whatever it is about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, convert, stats
from tests.conftest import coco

Write = Callable[..., Path]
IMAGE = coco()["images"][0]


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({}, {"where": ["*.tif"]}),
        ({}, {"only": ["cta"]}),
        ({}, {"only": ["cat"], "labels": ["dog"]}),
        ({}, {"copy_images": True, "to": "voc"}),
        ({"categories": [{"id": 0, "name": "cat"}, {"id": 7, "name": "dog"}]}, {"ids": "source"}),
        ({"categories": [{"id": 3, "name": "a:b"}, {"id": 7, "name": "dog"}]}, {"to": "voc"}),
        ({"categories": [{"id": 3, "name": "con"}, {"id": 7, "name": "dog"}]}, {"to": "binary"}),
        ({"images": [IMAGE, IMAGE | {"id": 2, "file_name": "A.png"}]}, {}),
        ({"images": [IMAGE | {"file_name": "con.jpg"}]}, {}),
    ],
)
def test_a_refusal_names_the_file(
    coco_file: Write, tmp_path: Path, changes: dict[str, Any], options: dict[str, Any]
) -> None:
    """Images that are not there, labels that do not fit, names that no mask can have."""
    source = coco_file(json.loads(json.dumps(coco(**changes))))
    if "categories" in changes:
        document = json.loads(source.read_text())
        document["annotations"][0]["category_id"] = changes["categories"][0]["id"]
        source.write_text(json.dumps(document))
    with pytest.raises(InputError) as refusal:
        convert(source, tmp_path / "out", **options)
    assert refusal.value.file == str(source)
    assert str(source) in str(refusal.value)


@pytest.mark.parametrize("options", [{"where": ["*.tif"]}, {"only": ["cta"]}])
def test_commands_that_look_name_the_file_too(coco_file: Write, options: dict[str, Any]) -> None:
    """And an image or a label that there is."""
    source = coco_file()
    with pytest.raises(InputError, match=r"'a\.jpg'|'cat'") as refusal:
        stats(source, **options)
    assert refusal.value.file == str(source)
