"""`check` blocks if and only if `convert` refuses the source: for every format, and whatever is wrong."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, check, convert
from polymask.analysis.findings import BLOCKS, rank_of
from polymask.formats.known_labels import MOST_SUGGESTIONS
from tests.conftest import Run, coco, square
from tests.formats.test_damage import damaged_value
from tests.formats.test_every_format import SCENES, WHOLE_FILES
from tests.support.formats import FIXTURES, written

LABELS: dict[str, Any] = {
    "its own": None,
    "some": ["boat"],
    "all": ["boat", "sea", "sun"],
    "none that may be": {"boat": 0},
}


def blocks(source: Path, **options: Any) -> bool:
    """Whether `polymask check` exits 2."""
    try:
        found = check(source, **options)
    except InputError:
        return True
    skips = options.get("skip_invalid", False)
    return any(rank_of(finding.kind, skip_invalid=skips) == BLOCKS for finding in found)


def refuses(source: Path, **options: Any) -> bool:
    """Whether `polymask convert` exits 2."""
    try:
        convert(source, source.with_name("nowhere"), dry_run=True, **options)
    except InputError:
        return True
    return False


def assert_agree(source: Path, **options: Any) -> None:
    """With `--skip-invalid` and without."""
    for skips in (False, True):
        asked = {**options, "skip_invalid": skips}
        assert blocks(source, **asked) == refuses(source, **asked), asked


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("scene", SCENES)
def test_of_a_sound_source_with_labels(scene: str, labels: str) -> None:
    """Its own labels, some of them, all of them, and labels that no mask can have."""
    named = {} if LABELS[labels] is None else {"labels": LABELS[labels]}
    assert_agree(FIXTURES / scene, **named)


@pytest.mark.parametrize("name", [name for name in WHOLE_FILES if name.endswith(".json")])
def test_of_damaged_sources(name: str, tmp_path: Path) -> None:
    """Something in a JSON file gone, or replaced."""
    luck = random.Random(name)
    text = (FIXTURES / name).read_text()
    folder = shutil.copytree((FIXTURES / name).parent, tmp_path / "in")
    for _ in range(8):
        assert_agree(written(folder / Path(name).name, damaged_value(json.loads(text), luck)))


NAMES = [
    ("con.jpg",),
    ("a.jpg", "A.png"),
    ("a.jpg", "a/b.jpg"),
    ("a.jpg", "../a.jpg"),
    ("a .jpg",),
    ("a.",),
    ("plot #1.jpg", "plot #2.jpg"),
    ("b" * 251 + ".jpg",),
    ("/".join(["c" * 200] * 5) + "/ddddddddddddddd.jpg",),
    ("\x07.jpg",),
    ("?.jpg",),
]


@pytest.mark.parametrize("names", NAMES)
def test_of_names(names: tuple[str, ...], tmp_path: Path) -> None:
    """Names that no mask can have, and that masks would share."""
    images = [{"id": at, "file_name": name, "height": 6, "width": 8} for at, name in enumerate(names, 1)]
    assert_agree(written(tmp_path / "a.json", coco(images=images)))


def test_of_labels_that_the_formats_own_table_lacks(tmp_path: Path) -> None:
    """Cityscapes' is fixed; Supervisely's and Mapillary's lie beside."""
    ring = [[1, 1], [5, 1], [5, 4]]
    cityscapes = written(
        tmp_path / "c/bonn_000000_000001_gtFine_polygons.json",
        {"imgHeight": 6, "imgWidth": 8, "objects": [{"label": "crane", "polygon": ring}]},
    )
    mapillary = written(
        tmp_path / "m/v2.0/polygons/a.json",
        {"height": 6, "width": 8, "objects": [{"label": "object--crane", "polygon": ring}]},
    )
    written(tmp_path / "m/config_v2.0.json", {"labels": [{"name": "object--bird", "readable": "Bird"}]})
    for source in (cityscapes, mapillary.parents[2]):
        assert blocks(source), source
        assert_agree(source)
        assert_agree(source, labels=["crane", "object--crane"])


def test_skip_invalid_drops_what_else_blocks(tmp_path: Path, polymask_command: Run) -> None:
    """But not the names: these are no records that could be left out."""
    rows = [
        *coco()["annotations"],
        {"id": 9, "image_id": 1, "category_id": 99, "segmentation": [square(1, 1, 2)]},
    ]
    source = written(tmp_path / "a.json", coco(annotations=rows))
    done = polymask_command("check", source)
    assert (done.returncode, done.stdout.count("unless --skip-invalid leaves it out")) == (2, 1)
    done = polymask_command("check", source, "--skip-invalid")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Dropped: not painted, and listed")
    ranks = json.loads(polymask_command("check", source, "--skip-invalid", "--json").stdout)["ranks"]
    assert ranks == {"dropped": 1}
    images = [{"id": 1, "file_name": "con.jpg", "height": 6, "width": 8}]
    done = polymask_command("check", written(tmp_path / "b.json", coco(images=images)), "--skip-invalid")
    assert done.returncode == 2
    assert done.stdout.splitlines()[0] == "Blocks: `convert` into a folder refuses the source"


@pytest.mark.parametrize("command", ["stats", "compare"])
def test_unknown_labels_are_refused_by_other_commands_too(
    command: str, tmp_path: Path, polymask_command: Run
) -> None:
    """With the same way out; where no image could be compared, no IoU is told."""
    source = written(tmp_path / "a.json", coco())
    flags = ["--labels", written(tmp_path / "labels.txt", "cat\n")]
    paths = [source] * (2 if command == "compare" else 1)
    done = polymask_command(command, *paths, *flags)
    assert done.returncode == 2
    assert "add it to the --labels file" in done.stderr
    done = polymask_command(command, *paths, *flags, "--skip-invalid")
    assert done.returncode == 0, done.stderr
    assert "dog" not in done.stdout


def test_two_thousand_unknown_labels_are_told_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each suggestion compares a label with all of the map, so only the first labels get one."""
    compared: list[int] = []
    monkeypatch.setattr("difflib.get_close_matches", lambda _, names, *__: compared.append(len(names)) or [])
    names = [f"label {number}" for number in range(2000)]
    document = coco(categories=[{"id": n, "name": name} for n, name in enumerate(names, 1)])
    row = document["annotations"][0]
    document["annotations"] = [row | {"id": n, "category_id": n} for n in range(1, 2001)]
    found = check(written(tmp_path / "a.json", document), labels=["another"])
    assert sum(finding.kind == "unknown-label" for finding in found) == 2000
    assert 0 < sum(compared) <= 2 * MOST_SUGGESTIONS
