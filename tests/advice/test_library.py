"""Advice that only Python code meets, and advice to install what is missing."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import polymask
from polymask import InputError, LabelMap, PolymaskError, decode_png, training
from polymask.codecs.pixels import read_picture
from polymask.dataloop.emulator.faults.fault import KINDS, Fault
from polymask.model import ImageRecord, Instance, Label, Polygon
from polymask.raster.mask_digest import LONGEST_RUN, mask_sha256
from polymask.storage.remote.urls import located
from tests.advice.sites import Case, follows
from tests.conftest import ROOT, SAMPLE

GRAY = np.zeros((4, 6, 3), np.uint8)
MASK = np.zeros((4, 6), np.uint8)
RECORD = ImageRecord(1, "a.jpg", (4, 6), (Instance(1, "cat", (Polygon([(1, 1), (3, 1), (3, 3)]),)),))


def advice_of(error: pytest.ExceptionInfo[PolymaskError]) -> str:
    """What an error says is to be done."""
    return str(error.value.advice)


@follows(
    "training/sizes: `resize` it first",
    "training/sizes: `resize` both to one size",
    "training/sizes: name a (height, width)",
)
def test_pictures_and_masks_are_resized_as_told() -> None:
    """A crop that is too large, a pair of two sizes, a size without pixels."""
    rng = np.random.default_rng(0)
    with pytest.raises(InputError):
        training.random_crop(GRAY, MASK, (8, 8), rng=rng)
    training.random_crop(*training.resize(GRAY, MASK, (8, 8)), (8, 8), rng=rng)
    small = np.zeros((2, 3), np.uint8)
    with pytest.raises(InputError):
        training.random_crop(GRAY, small, (2, 2), rng=rng)
    picture, _ = training.resize(GRAY, MASK, (2, 3))
    training.random_crop(picture, small, (2, 2), rng=rng)
    with pytest.raises(InputError):
        training.resize(GRAY, MASK, (0, 3))


@follows("layouts/overlay: hand in the picture that was annotated, or scale it to that size")
def test_a_picture_of_another_size_is_scaled_before_it_is_overlaid() -> None:
    """Or it is the wrong one."""
    twice = np.zeros((8, 12), np.uint8)
    with pytest.raises(InputError):
        polymask.overlay(RECORD, twice)
    polymask.overlay(RECORD, twice[::2, ::2])
    polymask.overlay(RECORD, GRAY)


@follows("training/classes: see `class_values`")
def test_classes_are_made_by_what_is_named() -> None:
    """`class_values` gives the values of a label map."""
    with pytest.raises(PolymaskError):
        training.one_hot(MASK, [1, 1])
    assert training.one_hot(MASK, training.class_values(LabelMap.from_names(["cat"]))).shape == (4, 6, 2)


@follows(
    "training/classes: a mask of 8 bits holds 256, so convert with `--to index`",
    "training/classes: add it, and see that no JPEG or resizing mixed the colors",
)
def test_colors_that_are_no_row_are_added(case: Case) -> None:
    """More than 256 go to an index mask."""
    with pytest.raises(PolymaskError):
        training.colors_to_index(GRAY + 9, np.zeros((1, 3), np.uint8))
    assert training.colors_to_index(GRAY + 9, np.array([[0] * 3, [9] * 3], np.uint8)).all()
    with pytest.raises(PolymaskError):
        training.colors_to_index(GRAY, np.zeros((257, 3), np.uint8))
    out = case.out
    case.works("convert", SAMPLE, out, "--to", "index")
    assert decode_png((out / "masks/harbor.png").read_bytes()).ndim == 2


@follows(
    "training/dataset: name the folder that holds the pictures",
    "training/dataset: convert without --size and use `resize`, or resize the pictures too",
    "codecs/pixels: replace it by one that opens",
)
def test_pictures_of_a_mask_dataset_are_where_it_is_told(case: Case) -> None:
    """Of the size of the masks, and such that they open."""
    images, out = SAMPLE.parent / "images", case.out
    case.works("convert", SAMPLE, out)
    (case.folder / "empty").mkdir()
    for wrong in (case.folder / "none", case.folder / "empty"):
        with pytest.raises(PolymaskError):
            training.MaskDataset(wrong, out)
    assert training.MaskDataset(images, out)[0]
    small = case.out
    case.works("convert", SAMPLE, small, "--size", "80x60")
    with pytest.raises(PolymaskError):
        training.MaskDataset(images, small)[0]
    picture, mask = training.MaskDataset(images, out)[0]
    assert training.resize(picture, mask, (60, 80))[1].shape == (60, 80)
    damaged = case.write("a.png", b"no picture")
    with pytest.raises(PolymaskError):
        read_picture(damaged, (4, 6))
    damaged.write_bytes((images / "harbor.png").read_bytes())
    assert read_picture(damaged, (120, 160)).shape == (120, 160, 3)


@follows(
    "raster/exchange/shapes: wrap each ring: Polygon([(x, y), …])",
    "model: rename it",
    "storage/remote/urls: pass it as text",
)
def test_shapes_names_and_urls_are_given_as_told() -> None:
    """A ring is no polygon, half a character no name, a path no URL."""
    with pytest.raises(PolymaskError):
        polymask.rasterize([3], (4, 6))
    assert polymask.rasterize([Polygon([(1, 1), (3, 1), (3, 3)])], (4, 6)).any()
    with pytest.raises(PolymaskError):
        Label("\ud800", 1, (0, 0, 0))
    assert Label("cat", 1, (0, 0, 0))
    with pytest.raises(PolymaskError):
        located(Path("memory://bucket/a.json"))
    assert located("memory://bucket/a.json")


@follows("raster/mask_digest: divide the image")
def test_a_mask_without_a_digest_is_divided() -> None:
    """Beyond 2**48 pixels; no machine holds such a mask, so a view stands for it."""
    import inspect

    from polymask.raster import mask_digest

    with pytest.raises(PolymaskError):
        mask_digest._check((LONGEST_RUN, 2))
    mask_digest._check((LONGEST_RUN, 1))
    assert inspect.isfunction(mask_sha256)


@follows("dataloop/emulator/faults/fault: there are {', '.join(KINDS)}")
def test_kinds_of_faults_are_told() -> None:
    """One of them goes."""
    with pytest.raises(PolymaskError) as error:
        Fault("GET", "/items", "bogus")
    assert all(kind in advice_of(error) for kind in KINDS)


@follows(
    "extras: pip install 'polymask[{extra}]'",
    "raster/rules/scikit_image: install it with `pip install 'polymask[parity]'`",
    "report/html: pip install 'polymask[report]'",
    "parallel/dask_cluster: pip install 'polymask[dask]'",
    "dataloop/service/client: pip install 'polymask[dataloop]'",
)
def test_extras_that_are_named_bring_what_is_missing(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each exists and holds the library without which the command is refused."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    page = case.folder / "page.html"
    for module, package, command in (
        ("pydicom", "pydicom", ["convert", "fixtures/dicom", case.out]),
        ("jinja2", "Jinja2", ["preview", SAMPLE, "-o", page]),
        ("distributed", "distributed", ["convert", SAMPLE, case.out, "--scheduler", "tcp://127.0.0.1:1"]),
        ("dtlpy", "dtlpy", ["convert", "dataloop://boats/harbor", case.out]),
        ("skimage", "scikit-image", ["convert", SAMPLE, case.out, "--pixel-rule", "skimage"]),
    ):
        with monkeypatch.context() as without:
            without.setitem(sys.modules, module, None)
            if module == "skimage":
                without.setattr("polymask.raster.rules.scikit_image.find_spec", lambda _: None)
            done = case.fails(*command)
        assert done.error
        extra = done.error.advice.partition("polymask[")[2].partition("]")[0]
        assert any(line.startswith(package) for line in extras[extra]), done.error.advice


@follows("parallel/dask_cluster: an address is tcp://HOST:PORT")
def test_an_address_of_a_scheduler_has_a_host_and_a_port(case: Case) -> None:
    """What has both is knocked at."""
    pytest.importorskip("distributed")
    case.fails("convert", SAMPLE, case.out, "--scheduler", "bogus")
    case.fails(
        "convert", SAMPLE, case.out, "--scheduler", "tcp://127.0.0.1:1", code=3, told="no scheduler answers"
    )


def test_a_kernel_that_is_not_there_is_not_asked_for() -> None:
    """The variable that asks for it is unset, as is told."""
    code = (
        "import sys; sys.modules['polymask.native._kernel'] = None; "
        "import polymask.native as n; print(n.KERNEL)"
    )
    run = [sys.executable, "-c", code]
    asked = subprocess.run(
        run, env={"POLYMASK_KERNEL": "compiled"}, capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert "or unset POLYMASK_KERNEL" in asked.stderr
    unset = subprocess.run(run, env={}, capture_output=True, text=True, cwd=ROOT, check=False)
    assert unset.stdout == "numpy\n", unset.stderr
