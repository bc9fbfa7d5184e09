"""Tars in place: names, links, damage. Nothing is ever unpacked to disk."""

import gzip
import os
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from polymask import FormatError, LimitError
from polymask.formats import open_annotations
from polymask.limits import Limits
from polymask.storage.source_files import Place
from tests.support.formats import FIXTURES, LABELS, masks

BOAT = (FIXTURES / "labelme/boat.json").read_bytes()


def archive(
    path: Path, *members: tuple[str, bytes], form: int = tarfile.GNU_FORMAT, packing: str = ""
) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, f"w:{packing}", format=form) as opened:  # type: ignore[call-overload]
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            opened.addfile(member, BytesIO(data))
    return path


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("folder", ["labelme", "supervisely", "yolo", "labelbox-import"])
def test_a_tar_is_read_as_the_folder_is(folder: str, form: int, tmp_path: Path) -> None:
    """Of every flavor, with pictures, and with names that begin with `./`."""
    files = [file for file in sorted((FIXTURES / folder).rglob("*")) if file.is_file()]
    members = [(f"./{file.relative_to(FIXTURES / folder)}", file.read_bytes()) for file in files]
    path = archive(tmp_path / "export.tar", *members, form=form)
    plain, packed = masks(FIXTURES / folder, LABELS), masks(path, LABELS)
    assert list(plain) == list(packed)
    assert all((plain[name] == packed[name]).all() for name in plain)


@pytest.mark.parametrize("name", ["../boat.json", "/boat.json", "a/../../b.json", "a//b.json"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    """Nothing is read from such an archive."""
    path = archive(tmp_path / "a.tar", ("good.json", BOAT), (name, BOAT))
    with pytest.raises(FormatError, match="no safe file name"):
        open_annotations(path)


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two counts would be guessed."""
    path = archive(tmp_path / "a.tar", ("boat.json", BOAT), ("./boat.json", b"{}"))
    with pytest.raises(FormatError, match=r"a\.tar/boat\.json: the archive has this name twice"):
        open_annotations(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: bytes) -> None:
    """A link may lead anywhere."""
    link = tarfile.TarInfo("boat.json")
    link.type, link.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as opened:
        opened.addfile(link)
    with pytest.raises(FormatError, match=r"boat\.json: no plain file"):
        open_annotations(tmp_path / "a.tar")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """Where it is cut off within a file, and where a head is damaged."""
    data = archive(tmp_path / "a.tar", ("a.json", BOAT), ("boat.json", BOAT)).read_bytes()
    (tmp_path / "cut.tar").write_bytes(data[:600])
    with pytest.raises(FormatError, match=r"cut\.tar"):
        open_annotations(tmp_path / "cut.tar")
    (tmp_path / "odd.tar").write_bytes(b"\xff" + data[1:])
    with pytest.raises(FormatError, match="a damaged tar"):
        open_annotations(tmp_path / "odd.tar")


def test_a_member_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    """By the size that its head tells."""
    path = archive(tmp_path / "a.tar", ("boat.json", BOAT))
    with pytest.raises(LimitError, match="--max-bytes"):
        _ = Place(path, Limits(max_bytes=9)).names


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("folder", ["labelme", "yolo"])
def test_a_packed_tar_is_read_as_the_tar_is(folder: str, kind: str, tmp_path: Path) -> None:
    """Alone, and as the only file of a folder."""
    files = [file for file in sorted((FIXTURES / folder).rglob("*")) if file.is_file()]
    members = [(str(file.relative_to(FIXTURES / folder)), file.read_bytes()) for file in files]
    path = archive(tmp_path / "in" / f"export.tar.{kind}", *members, packing=kind)
    plain = masks(FIXTURES / folder, LABELS)
    for packed in (masks(path, LABELS), masks(path.parent, LABELS)):
        assert list(plain) == list(packed)
        assert all((plain[name] == packed[name]).all() for name in plain)


@pytest.mark.parametrize("kind", ["gz", "xz"])  # of a small bz2 nothing is left then
def test_a_packed_tar_that_is_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    path = archive(tmp_path / "a.tar", ("boat.json", BOAT), ("noise", os.urandom(9999)), packing=kind)
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(FormatError, match=r"a\.tar: a damaged tar"):
        open_annotations(path)


def test_a_packed_tar_unpacks_to_no_more_than_the_limits_allow(tmp_path: Path) -> None:
    """A bomb is refused before it is whole."""
    path = archive(tmp_path / "a.tgz", ("boat.json", BOAT), ("zeros", bytes(64 << 20)), packing="gz")
    assert path.stat().st_size < 1 << 17
    with pytest.raises(LimitError, match="--max-zip-ratio"):
        open_annotations(path)
    with pytest.raises(LimitError, match="--max-bytes"):
        assert Place(path, Limits(max_bytes=1 << 20)).names


def test_what_is_packed_under_another_name_is_no_source(tmp_path: Path) -> None:
    """It is a file in no format, whole or cut off: the way out is to unpack it."""
    path = tmp_path / "a.gz"
    for data in (gzip.compress(BOAT), gzip.compress(BOAT)[:40]):
        path.write_bytes(data)
        assert Place(path).is_file
        with pytest.raises(FormatError, match=r"none of the formats.*a gzip archive; unpack it"):
            open_annotations(path)
