"""Advice about where things lie and what they are called: archives, names, moved projects, lost masks."""

import json
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from polymask import NotFound
from polymask.storage.local_disk.user_dirs import state_folder
from tests.advice.sites import Case, follows
from tests.conftest import SAMPLE, coco
from tests.conversion.test_moved_projects import _as_an_earlier_build
from tests.support.formats import FIXTURES


@follows("storage/archives/tar: unpack the archive first")
def test_a_tar_with_links_is_unpacked(case: Case) -> None:
    """What the link means lies there then."""
    with tarfile.open(case.folder / "a.tar", "w") as archive:
        archive.add(SAMPLE, "data/instances.json")
        link = tarfile.TarInfo("latest.json")
        link.type, link.linkname = tarfile.SYMTYPE, "data/instances.json"
        archive.addfile(link)
    case.fails("convert", case.folder / "a.tar", case.out)
    with tarfile.open(case.folder / "a.tar") as archive:
        archive.extractall(case.folder / "unpacked", filter="data")
    case.works("convert", case.folder / "unpacked/latest.json", case.out)
    case.works("convert", case.folder / "unpacked/data", case.out)


@follows("storage/archives/zip_names: unpack it and name the folder, or zip it again with names in UTF-8")
def test_a_zip_of_names_that_nobody_can_read_is_unpacked_or_zipped_again(case: Case) -> None:
    """Names of Windows' Latin-1, without a word that they are."""
    folder, name = case.folder / "folder", "bär.json"
    folder.mkdir()
    shutil.copy(SAMPLE, folder / name)
    with zipfile.ZipFile(case.folder / "utf-8.zip", "w") as archive:
        archive.write(folder / name, name)
    with zipfile.ZipFile(case.folder / "plain.zip", "w") as archive:
        archive.write(folder / name, "b?r.json")
    latin = case.folder / "latin.zip"
    latin.write_bytes(
        (case.folder / "plain.zip").read_bytes().replace(b"b?r.json", "bär.json".encode("latin-1"))
    )
    case.fails("convert", latin, case.out)
    case.works("convert", folder, case.out)
    case.works("convert", case.folder / "utf-8.zip", case.out)


@follows("storage/safe_names: give it another name, or choose images with --where")
def test_an_image_of_an_unsafe_name_gets_another(case: Case) -> None:
    """Some systems have a device of that name."""
    (image,) = coco()["images"]
    case.fails("convert", case.write("a.json", coco(images=[image | {"file_name": "con.jpg"}])), case.out)
    case.works("convert", case.write("a.json", coco(images=[image | {"file_name": "boat.jpg"}])), case.out)
    two = [image | {"file_name": "con.jpg"}, image | {"id": 9, "file_name": "boat.jpg"}]
    file = case.write("b.json", coco(images=two))
    case.fails("convert", file, case.folder / "two")
    case.works("convert", file, case.folder / "two", "--where", "boat*")


@follows("formats/reading/images/renamed: write there what its picture is called")
def test_an_image_of_no_name_gets_that_of_its_picture(case: Case) -> None:
    """Of an item whose name is that of a folder."""
    item = json.loads((FIXTURES / "dataloop/json/boat.json").read_text())
    source = case.write("json/boat.json", item | {"filename": "/.."})
    case.fails("convert", source.parent, case.out)
    case.write("json/boat.json", item | {"filename": "/boat.png"})
    case.works("convert", source.parent, case.out)


@follows("conversion/planning/rehearsal: unpack it and name the unpacked file, or leave --delete-source out")
def test_what_lies_in_a_zip_is_unpacked_before_it_is_deleted_from(case: Case) -> None:
    """Or it is only read."""
    with zipfile.ZipFile(case.folder / "a.zip", "w") as archive:
        archive.write(SAMPLE, "instances.json")
    case.fails("convert", case.folder / "a.zip", case.out, "--delete-source")
    case.works("convert", case.folder / "a.zip", case.out)
    with zipfile.ZipFile(case.folder / "a.zip") as archive:
        archive.extractall(case.folder)
    case.works("convert", case.folder / "instances.json", case.out, "--delete-source")


def project(case: Case, name: str) -> tuple[Path, bytes]:
    """A folder with a file whose polygons are deleted and their masks in `out`; the file as it was."""
    source = case.write(f"{name}/a.json", coco())
    before = source.read_bytes()
    case.works("convert", source, source.parent / "out", "--delete-source")
    return source.parent, before


@follows("conversion/dest/way_back: `polymask restore {deletion.dest}` puts that file back")
def test_masks_that_were_copied_alone_tell_where_their_file_is_put_back(case: Case) -> None:
    """By the command that is named; or their backup is copied to the place beside them."""
    folder, before = project(case, "e")
    copy = shutil.copytree(folder / "out", case.folder / "elsewhere/out")
    done = case.fails("restore", copy, code=3)
    assert done.error
    command, copied = done.error.advice.split("` puts that file back; to have it here, copy ")
    shutil.copy(*copied.split(" to "))
    case.works("restore", copy)
    assert (case.folder / "elsewhere/a.json").read_bytes() == before
    case.works(*command.removeprefix("`polymask ").split(" ", 1))
    assert (folder / "a.json").read_bytes() == before


@follows("conversion/dest/way_back: copy {root.path / deletion.backup} by hand to the one")
def test_of_two_files_that_a_journal_may_mean_one_is_put_back_by_hand(case: Case) -> None:
    """A journal of an earlier build, and a copy of its project."""
    folder, before = project(case, "e")
    _as_an_earlier_build(folder / "out")
    copy = shutil.copytree(folder, case.folder / "copy")
    done = case.fails("restore", copy / "out", code=4)
    assert done.error
    shutil.copy(done.error.advice.removeprefix("copy ").partition(" by hand ")[0], copy / "a.json")
    assert (copy / "a.json").read_bytes() == before
    case.works("restore", copy / "out")


@follows("analysis/masks/stored_masks: convert again with --overwrite")
def test_a_labels_mask_that_is_lost_is_made_again(case: Case) -> None:
    """Of a folder of a mask for each label."""
    out = case.out
    case.works("convert", SAMPLE, out, "--to", "binary")
    next(out.rglob("boat*.png")).unlink()
    case.fails("stats", out)
    case.works("convert", SAMPLE, out, "--to", "binary", "--overwrite")
    case.works("stats", out)


@follows("storage/local_disk/user_dirs: set {variable}, or HOME")
@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "HOME"])
def test_a_user_without_a_home_gets_one(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that the system has no name for, as containers run under; either variable will do."""
    for name in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with pytest.raises(NotFound) as error:
        state_folder()
    assert error.value.advice == "set XDG_STATE_HOME, or HOME"
    monkeypatch.setenv(variable, str(tmp_path))
    assert state_folder().is_relative_to(tmp_path)
