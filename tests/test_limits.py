"""Above a limit there is a `LimitError` at once, which tells the file, the place and the flag."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polymask import FormatError, InputError, LimitError, Limits, convert, encode_png, read
from polymask.formats import open_annotations
from polymask.limits import LIMITS
from tests.conftest import Run, coco
from tests.support.formats import FIXTURES

Write = Callable[..., Path]
SERVICES = (
    "scale", "playment", "geojson", "mapillary", "bdd100k", "darwin", "encord", "isat", "imagej/boat.zip",
    "dicom", "labelme-xml", "via-csv",
)  # fmt: skip
PLACES = {
    "max_pixels": r"\$\.images\[0\]: 6 × 8 px",
    "max_vertices": r"\$\.annotations\[0\]: 4 points",
    "max_instances": r"instances\.json: the image 1: 2 instances",
    "max_bytes": r"instances\.json: \d+ bytes",
    "max_depth": r"instances\.json: 5 brackets open at once",
    "max_labels": r"instances\.json: 2 labels",
}


@pytest.mark.parametrize("name", PLACES)
def test_each_limit_tells_the_place_and_the_flag(coco_file: Write, tmp_path: Path, name: str) -> None:
    """`read` and `convert` refuse what is above it; with the limit at what is there, they do not."""
    path = coco_file()
    flag = "--" + name.replace("_", "-")
    with pytest.raises(LimitError, match=rf"{PLACES[name]}.*more than 1;.*raise {flag}$"):
        list(read(path, limits=Limits(**{name: 1})))
    with pytest.raises(LimitError, match=flag):
        convert(path, tmp_path / "out", **{name: 1})
    assert not (tmp_path / "out").exists()
    assert convert(path, tmp_path / "out", **{name: path.stat().st_size}).written == 1


@pytest.mark.parametrize("path", ["labelme", "dataloop", "cvat", "yolo", "labelbox", "datumaro", *SERVICES])
def test_other_formats_are_held_to_points_and_instances(path: str) -> None:
    """A record of any format, not COCO's alone."""
    for name in ("max_vertices", "max_instances"):
        with pytest.raises(LimitError, match="--" + name.replace("_", "-")):
            list(read(FIXTURES / path, limits=Limits(**{name: 1})))


@pytest.mark.parametrize("layout", [[], ["--dry-run"]])
def test_the_command_takes_every_limit(
    coco_file: Write, tmp_path: Path, polymask_command: Run, layout: list[str]
) -> None:
    """The flags are those of the table, and an exceeded limit is exit 2."""
    flags = [text for name in LIMITS for text in ("--" + name.replace("_", "-"), "100000")]
    assert polymask_command("convert", coco_file(), tmp_path / "out", *flags, *layout).returncode == 0
    done = polymask_command("convert", coco_file(), tmp_path / "other", "--max-labels", 1)
    assert done.returncode == 2
    assert "--max-labels" in done.stderr


def test_an_archive_of_shared_bytes_is_refused(tmp_path: Path) -> None:
    """Members that lie over each other have small ratios each, and a large one together."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.json", bytes(100_000))
    with pytest.raises(
        LimitError, match=r"a\.zip: \d+ bytes that unpack to 2000000, \d+ times.*--max-zip-ratio"
    ):
        list(read(path))


@pytest.mark.parametrize("deep", [201, 900, 100_000])
@pytest.mark.parametrize("nest", [("[", "]"), ('{"a":', "}")])
def test_deep_json_is_an_error_of_ours(tmp_path: Path, deep: int, nest: tuple[str, str]) -> None:
    """Never a RecursionError, whatever nests, wherever it is."""
    inner = nest[0] * deep + "0" + nest[1] * deep
    for document in (inner, json.dumps(coco(info=0)).replace('"info": 0', f'"info": {inner}')):
        path = tmp_path / "a.json"
        path.write_text(document)
        with pytest.raises((FormatError, LimitError), match=r"nested too deep|--max-depth"):
            list(read(path, format="coco"))


def test_brackets_in_names_are_no_depth(coco_file: Write) -> None:
    """A thousand smileys open nothing."""
    images = [{"id": n, "file_name": f":[{n}.jpg", "height": 1, "width": 1} for n in range(1000)]
    assert len(list(read(coco_file(coco(images=images, annotations=[]))))) == 1000


def test_a_device_that_never_ends_is_refused() -> None:
    """It is no file, so nothing is read of it."""
    with pytest.raises(InputError, match="a device, and no file"):
        list(read("/dev/zero", limits=Limits(max_bytes=10**6)))


def test_limits_are_whole_numbers(coco_file: Write, tmp_path: Path) -> None:
    """As all options are checked."""
    given: Any = "many"
    with pytest.raises(ValueError, match="max_vertices is a whole number"):
        convert(coco_file(), tmp_path / "out", max_vertices=given)


def test_what_only_the_picture_refutes_fails_its_image(tmp_path: Path) -> None:
    """A mask of another size than the picture, which alone tells the size, is not left out in silence."""
    document = json.loads((FIXTURES / "dataloop/json/boat.json").read_text())
    del document["metadata"]
    (png,) = [a["coordinates"] for a in document["annotations"] if a["type"] == "binary"]
    document["annotations"] = [{"type": "binary", "label": "sun", "coordinates": png}]
    (tmp_path / "a.json").write_text(json.dumps(document | {"filename": "empty.png"}))
    (tmp_path / "empty.png").write_bytes(encode_png(np.zeros((3, 5), np.uint8)))
    (found,) = [open_annotations(tmp_path / "a.json", format="dataloop")]
    with pytest.raises(FormatError, match="a mask of"):
        found.decode(0)
