"""Single packed texts, as in `instances.json.gz`: read as the text is, and never beyond the limits."""

import gzip
import json
import shutil
from pathlib import Path

import fsspec
import numpy as np
import pytest

from polymask import FormatError, InputError, LimitError, convert
from polymask.formats import ReadOptions, open_annotations
from polymask.limits import Limits
from polymask.storage.source_files import Place
from tests.support.formats import FIXTURES, masks

SHAPES = FIXTURES / "shapes/instances.json"


def packed(source: Path, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(gzip.compress(source.read_bytes()))
    return path


def packed_folder(source: Path, path: Path) -> Path:
    """A copy of a folder whose texts are packed."""
    shutil.copytree(source, path)
    for file in [file for file in path.rglob("*") if file.is_file() and file.suffix != ".png"]:
        packed(file, file.with_name(f"{file.name}.gz"))
        file.unlink()
    return path


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert list(one) == list(other)
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize(
    "folder",
    [
        "labelme",
        "cityscapes",
        "scale-nucleus",
        "supervisely",
        "via",
        "via-csv",
        "labelbox",
        "isat",
        "labelme-xml",
        "geojson",
    ],
)
def test_a_folder_of_packed_texts_is_read_as_the_plain_ones_are(folder: str, tmp_path: Path) -> None:
    """Names that come from the files' names included, with the pictures beside."""
    plain = FIXTURES / folder
    assert_same(masks(plain), masks(packed_folder(plain, tmp_path / "in")))


def test_a_packed_file_is_read_as_the_plain_one_is(tmp_path: Path) -> None:
    """Alone, by a glob, and as the only annotations of a folder."""
    path = packed(SHAPES, tmp_path / "instances.json.gz")
    plain = masks(SHAPES)
    for source in (path, tmp_path / "*.json.gz", tmp_path):
        assert_same(plain, masks(source))


def test_packed_subsets_are_read_together(tmp_path: Path) -> None:
    """As plain ones are: the files' names tell the subsets."""
    for split in ("train", "val"):
        packed(SHAPES, tmp_path / f"instances_{split}.json.gz")
    assert {name.split("/")[0] for name in open_annotations(tmp_path).names} == {"train", "val"}


def test_where_a_text_lies_there_plain_too_it_is_read_once(tmp_path: Path) -> None:
    """`gzip -k` keeps the file that it packs."""
    shutil.copy(FIXTURES / "labelme/boat.json", tmp_path / "boat.json")
    packed(FIXTURES / "labelme/boat.json", tmp_path / "boat.json.gz")
    assert len(open_annotations(tmp_path).names) == 1


def test_what_the_name_calls_packed_and_is_not_is_read(tmp_path: Path) -> None:
    """Servers unpack downloads on the way, and the name stays."""
    shutil.copy(SHAPES, tmp_path / "instances.json.gz")
    assert_same(masks(SHAPES), masks(tmp_path / "instances.json.gz"))


def test_messages_name_the_file_as_it_lies_there(tmp_path: Path) -> None:
    document = json.loads(SHAPES.read_text())
    document["annotations"][0]["image_id"] = 999
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    with pytest.raises(FormatError, match=r"a\.json\.gz: \$\.annotations\[0\]\.image_id"):
        open_annotations(path)


def test_a_packed_text_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """With the file's name, and never in part."""
    path = packed(SHAPES, tmp_path / "a.json.gz")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"a\.json\.gz: a damaged file"):
        open_annotations(path)


def test_a_packed_text_unpacks_to_no_more_than_the_limits_allow(tmp_path: Path) -> None:
    """A bomb is refused before it is whole, and the flag that the message names lets it in."""
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(SHAPES.read_bytes() + b" " * (64 << 20)))
    assert path.stat().st_size < 1 << 17
    with pytest.raises(LimitError, match=r"a\.json\.gz: .*bytes that unpack to.*--max-zip-ratio"):
        open_annotations(path)
    with pytest.raises(LimitError, match=r"a\.json\.gz: .*--max-bytes"):
        Place(path, Limits(max_bytes=1 << 20)).read("a.json")
    limits = Limits(max_zip_ratio=10**4)
    assert open_annotations(path, options=ReadOptions(limits=limits)).names


def test_a_packed_text_in_a_store_is_read(tmp_path: Path) -> None:
    store = fsspec.filesystem("memory")
    store.pipe("/packed-texts/instances.json.gz", packed(SHAPES, tmp_path / "a.json.gz").read_bytes())
    for source in ("memory://packed-texts/instances.json.gz", "memory://packed-texts"):
        assert_same(masks(SHAPES), masks(source))


def test_a_packed_text_is_not_deleted_from(tmp_path: Path) -> None:
    """It would have to be packed again; it is told, and nothing is written."""
    path = packed(SHAPES, tmp_path / "instances.json.gz")
    with pytest.raises(InputError, match="this one is packed; unpack it and name the unpacked file"):
        convert(path, tmp_path / "out", delete_source=True)
    assert not (tmp_path / "out").exists()
