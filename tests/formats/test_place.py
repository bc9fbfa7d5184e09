"""Zips in place: names, ratios, damage. Nothing is ever unpacked to disk."""

import errno
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from polymask import Denied, FormatError, LimitError
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


def unflagged(path: Path, *names: bytes) -> Path:
    """An archive whose members have names of these bytes, without a word on their encoding."""
    stand_ins = [b"%c" % (65 + at) * len(name) for at, name in enumerate(names)]
    data = archive(path, *((stand_in.decode(), BOAT) for stand_in in stand_ins)).read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in, name)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["港口/船.json", "bråten.json", "e\u0301.json"])
def test_names_in_utf8_without_the_flag_are_read(tmp_path: Path, name: str) -> None:
    """As the Finder and many tools write them; the member is found under its name."""
    path = unflagged(tmp_path / "a.zip", name.encode())
    assert Place(path).names == (name,)
    assert Place(path).read(name) == BOAT
    assert len(list(open_annotations(path))) == 1


def test_names_that_nothing_tells_the_encoding_of_are_refused(tmp_path: Path) -> None:
    """Never mojibake: GBK, Shift JIS and code pages of Europe; unpacked, the folder is read."""
    for encoding, name in (("gbk", "港口"), ("shift_jis", "港"), ("cp850", "bråten")):
        path = unflagged(tmp_path / "a.zip", b"plain.json", name.encode(encoding) + b".json")
        with pytest.raises(FormatError, match=r"a.zip: .*encoding of the name b'.*; unpack it"):
            open_annotations(path)
    (tmp_path / "港口").mkdir()
    (tmp_path / "港口/船.json").write_bytes(BOAT)
    assert list(open_annotations(tmp_path / "港口").names) == ["船.png"]


def test_a_windows_name_that_is_utf8_by_chance_is_refused(tmp_path: Path) -> None:
    """`图` in GBK is `ͼ` in UTF-8; three bytes a character are no chance, nor is UTF-8 of other systems."""
    written_on = {"图.json".encode("gbk"): "ͼ.json", "图.json".encode(): "图.json"}
    for raw, name in written_on.items():
        path = unflagged(tmp_path / "a.zip", raw)
        assert Place(path).names == (name,)
        path.write_bytes(path.read_bytes().replace(b"PK\1\2\x14\x03", b"PK\1\2\x14\x00"))
        if name == "图.json":
            assert Place(path).names == (name,)
        else:
            with pytest.raises(FormatError, match="encoding of the name"):
                _ = Place(path).names


def test_a_name_in_utf8_beside_the_other_one_is_read(tmp_path: Path) -> None:
    """Info-ZIP's field, if it is of the same name; else it is as if it were not there."""
    raw, right = "船.json".encode("gbk"), "船.json".encode()
    for checksum, ok in ((zlib.crc32(raw), True), (zlib.crc32(raw) ^ 1, False)):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as opened:
            member = zipfile.ZipInfo("A" * len(raw))
            field = struct.pack("<BL", 1, checksum) + right
            member.extra = struct.pack("<HH", 0x7075, len(field)) + field
            opened.writestr(member, BOAT)
        path.write_bytes(path.read_bytes().replace(b"A" * len(raw), raw))
        if ok:
            assert Place(path).names == ("船.json",)
            assert Place(path).read("船.json") == BOAT
        else:
            with pytest.raises(FormatError, match="encoding of the name"):
                _ = Place(path).names


def test_backslashes_in_names_are_slashes(tmp_path: Path) -> None:
    """As some tools of Windows write them; two spellings of one name are one name twice."""
    path = archive(tmp_path / "a.zip", ("train\\boat.json", BOAT))
    assert Place(path).names == ("train/boat.json",)
    assert Place(path).read("train/boat.json") == BOAT
    with pytest.raises(FormatError, match="twice"):
        _ = Place(archive(tmp_path / "b.zip", ("a\\b.json", BOAT), ("a/b.json", BOAT))).names


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


def test_a_folder_that_may_not_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in it would be left out in silence, and its masks taken for missing."""
    shut = tmp_path / "in/shut"
    shut.mkdir(parents=True)
    listed = os.scandir

    def scandir(folder: Any) -> Any:
        if Path(folder) == shut:
            raise PermissionError(errno.EACCES, "no", str(shut))
        return listed(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(Denied, match="shut: Permission denied"):
        open_annotations(tmp_path / "in")
