"""Zips in place: names, ratios, damage. Nothing is ever unpacked to disk."""

import os
import stat
import zipfile
from pathlib import Path

import pytest

from polymask import FormatError, LimitError
from polymask.formats import open_annotations
from polymask.limits import Limits
from polymask.storage.source_files import Place
from tests.support.formats import FIXTURES

BOAT = (FIXTURES / "labelme/boat.json").read_bytes()


def archive(path: Path, *members: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name", ["../boat.json", "/boat.json", "a/../../b.json", "C:\\boat.json", "a//b.json"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing is read from such an archive."""
    path = archive(tmp_path / "a.zip", ("good.json", BOAT), (name, BOAT))
    with pytest.raises(FormatError, match="no safe file name"):
        open_annotations(path)
    assert [one.name for one in tmp_path.iterdir()] == ["a.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A thousand times its size is no annotation."""
    path = archive(tmp_path / "a.zip", ("boat.json", b" " * 50_000_000))
    with pytest.raises(LimitError, match=r"that unpack to 50000000, .*--max-zip-ratio"):
        open_annotations(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Tools disagree which of the two counts."""
    path = archive(tmp_path / "a.zip", ("boat.json", BOAT), ("boat.json", b"{}"))
    with pytest.raises(FormatError, match="twice"):
        open_annotations(path)


def test_encrypted_and_damaged_archives_are_refused(tmp_path: Path) -> None:
    """With the member's name."""
    path = archive(tmp_path / "a.zip", ("boat.json", BOAT))
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF  # in the packed data
    path.write_bytes(data)
    with pytest.raises(FormatError, match="a damaged zip"):
        open_annotations(path)
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"boat\.json: encrypted"):
        open_annotations(path)
    path.write_bytes(data[:100])
    with pytest.raises(FormatError, match="a damaged zip"):
        open_annotations(path)


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """What it unpacks to is what it was checked with."""
    path = archive(tmp_path / "a.zip", ("boat.json", BOAT))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02") + 24
    data[at : at + 4] = (len(BOAT) - 9).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"boat\.json"):
        open_annotations(path)


def test_a_link_in_an_archive_is_only_a_file(tmp_path: Path) -> None:
    """Its text is not followed."""
    path = tmp_path / "a.zip"
    link = zipfile.ZipInfo("boat.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(FormatError, match="none of the formats"):
        open_annotations(path)


def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    """They may lead round and round."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a/boat.json").write_bytes(BOAT)
    (tmp_path / "a/round").symlink_to(tmp_path)
    assert Place(tmp_path, Limits()).names == ("a/boat.json",)


def test_a_pipe_is_read_once() -> None:
    """As a process substitution of a shell gives one; the format is told by its content."""
    reading, writing = os.pipe()
    os.write(writing, (FIXTURES / "odd/instances.json").read_bytes())
    os.close(writing)
    annotations = open_annotations(f"/dev/fd/{reading}")
    os.close(reading)
    assert (annotations.format, next(iter(annotations)).name) == ("coco", "bowtie.png")


def test_a_folder_without_annotations_is_said_to_be_one(tmp_path: Path) -> None:
    """It is not taken for a file of an unknown format."""
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(FormatError, match="is a folder"):
        open_annotations(tmp_path)
