"""Names and things in DEST that an enemy chose: nothing outside of DEST is made, changed or followed."""

import json
import os
import xml.sax.saxutils as xml
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polymask import InputError, PolymaskError, convert
from polymask.storage.safe_names import safe_path
from tests.conftest import coco
from tests.flipper import flipped
from tests.support.hostile_names import HOSTILE, TWINS, canaries, digest_below


def _coco(*names: str) -> str:
    images = [{"id": n, "file_name": name, "height": 6, "width": 8} for n, name in enumerate(names)]
    return json.dumps(coco(images=images, annotations=[]))


def _dataloop(name: str) -> str:
    return json.dumps(
        [{"filename": name, "metadata": {"system": {"width": 8, "height": 6}}, "annotations": []}]
    )


def _cvat(name: str) -> str:
    plain = "".join(c for c in name if c.isprintable() and not "\ud800" <= c <= "\udfff")
    return f'<annotations><image id="1" name={xml.quoteattr(plain)} width="8" height="6"/></annotations>'


def _datumaro(name: str) -> str:
    item = {"id": "a", "annotations": [], "image": {"path": name, "size": [6, 8]}}
    return json.dumps({"categories": {"label": {"labels": []}}, "items": [item]})


def _labelbox(name: str) -> str:
    row: dict[str, Any] = {"data_row": {"id": "a", "external_id": name}, "projects": {}}
    return json.dumps([row | {"media_attributes": {"width": 8, "height": 6}}])


def _labelme(name: str) -> str:
    return json.dumps({"shapes": [], "imagePath": name, "imageHeight": 6, "imageWidth": 8})


def _encord(name: str) -> str:
    unit = {"data_title": name, "width": 8, "height": 6, "labels": {"objects": []}}
    return json.dumps([{"data_units": {"u": unit}}])


def _darwin(name: str) -> str:
    slot = {"slot_name": "0", "width": 8, "height": 6}
    return json.dumps({"item": {"name": name, "path": "/", "slots": [slot]}, "annotations": []})


def _isat(name: str) -> str:
    return json.dumps({"info": {"name": name, "width": 8, "height": 6}, "objects": []})


def _bdd100k(name: str) -> str:
    return json.dumps([{"name": name, "labels": [], "size": {"width": 8, "height": 6}}])


FORMATS: dict[str, Callable[[str], str]] = {
    "encord": _encord, "darwin": _darwin, "isat": _isat, "bdd100k": _bdd100k,
    "coco": _coco, "dataloop": _dataloop, "cvat": _cvat, "datumaro": _datumaro, "labelbox": _labelbox, "labelme": _labelme,
}  # fmt: skip


@pytest.mark.parametrize("format_", FORMATS)
def test_hostile_names_lead_nowhere(format_: str, tmp_path: Path) -> None:
    """Each is refused before anything is written, or names a file below DEST; so with every layout of paths."""
    dest = canaries(tmp_path)
    before = digest_below(tmp_path / "outer", without=dest)
    source = tmp_path / ("a.xml" if format_ == "cvat" else "a.json")
    for number, name in enumerate(HOSTILE):
        source.write_text(FORMATS[format_](name))
        layout = ("index", "binary", "voc", "cityscapes")[number % 4]
        there = set(dest.rglob("*")) if dest.exists() else set()
        try:
            report = convert(source, dest, to=layout, overwrite=True, from_=format_)
            assert report.failed == 0 or not report.written
        except PolymaskError:
            assert (set(dest.rglob("*")) if dest.exists() else set()) == there, name
        assert digest_below(tmp_path / "outer", without=dest) == before, name


@pytest.mark.parametrize("name", HOSTILE[:37])
def test_the_worst_names_are_refused(name: str) -> None:
    """Those that leave the folder on some system, or cannot be shown as they are; `~` and `$` mean nothing here."""
    if name[:1] in ("~", "$"):
        assert safe_path(name) == name
        return
    with pytest.raises(InputError, match="no safe file name"):
        safe_path(name)


@pytest.mark.parametrize("twins", TWINS, ids=repr)
def test_two_names_for_one_file_are_found_in_the_plan(twins: tuple[str, str], tmp_path: Path) -> None:
    """Also where only the suffix, the case or the composition of letters tells them apart; nothing is written."""
    source = tmp_path / "a.json"
    source.write_text(_coco(*twins))
    with pytest.raises(InputError, match=r"would both be written|needs a folder where"):
        convert(source, tmp_path / "out", to="voc" if "/" not in twins[1] else "index")
    assert not (tmp_path / "out").exists()


def _in_the_way(kind: str, path: Path, outside: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    match kind:
        case "link to a file":
            path.symlink_to(outside / "precious.txt")
        case "link to a folder":
            path.symlink_to(outside)
        case "link to nothing":
            path.symlink_to(outside / "nothing")
        case "link to itself":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "hard link":
            os.link(outside / "precious.txt", path)


KINDS = (
    "link to a file",
    "link to a folder",
    "link to nothing",
    "link to itself",
    "pipe",
    "folder",
    "hard link",
)
PLACES = ("masks", "masks/a.png", "labels.json", "manifest.jsonl", ".polymask", ".polymask/run.json")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_in_the_way_is_not_followed(kind: str, overwrite: bool, tmp_path: Path) -> None:
    """A link, a pipe, a folder or another name of a precious file, wherever a run would write."""
    for number, place in enumerate(PLACES):
        folder = tmp_path / str(number)
        dest = canaries(folder)
        source = folder / "a.json"
        source.write_text(_coco("a.jpg"))
        _in_the_way(kind, dest / place, folder / "outer")
        contents = {p: p.read_text() for p in (folder / "outer").rglob("*.txt") if dest not in p.parents}
        names = sorted(str(p) for p in (folder / "outer").rglob("*") if dest not in p.parents)
        try:
            convert(source, dest, overwrite=overwrite)
        except PolymaskError:
            pass
        assert {p: p.read_text() for p in contents} == contents, place
        assert sorted(str(p) for p in (folder / "outer").rglob("*") if dest not in p.parents) == names, place


def test_a_folder_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    """Swapped at any moment while it is written into; `python -m tests.flipper` does it longer."""
    done, refused, wrong = flipped(tmp_path, 300)
    assert done + refused == 300
    assert wrong == []


def test_a_journal_from_elsewhere_replaces_annotations_only(tmp_path: Path) -> None:
    """`restore` of a folder that somebody sent puts nothing in the place of a file that is no annotation file."""
    from hashlib import sha256

    from polymask import restore

    victim, dest = tmp_path / "shell.rc", tmp_path / "dest"
    victim.write_bytes(b"alias ls=ls\n")
    evil = b'{"images": [], "annotations": []}\n'
    (dest / "backup").mkdir(parents=True)
    (dest / "backup" / "x.json").write_bytes(evil)
    event = {
        "source": str(victim),
        "backup": "backup/x.json",
        "after": sha256(victim.read_bytes()).hexdigest(),
    }
    (dest / "journal.jsonl").write_text(json.dumps(event | {"before": sha256(evil).hexdigest()}) + "\n")
    with pytest.raises(InputError, match="no annotation file"):
        restore(dest)
    assert victim.read_bytes() == b"alias ls=ls\n"
