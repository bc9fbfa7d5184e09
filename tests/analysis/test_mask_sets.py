"""Sets of masks are opened once: a place is resolved at the door, and no folder is listed twice."""

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import polymask
from polymask import InputError
from polymask.analysis.compare import compare
from polymask.analysis.stats import stats
from polymask.report.html import preview
from polymask.storage.remote import urls
from polymask.training import MaskDataset

SAMPLE = "fixtures/shapes/instances.json"
PICTURES = "fixtures/shapes/images"


class Looks:
    """Which folders below a root are listed, how often, and how often a place is resolved."""

    def __init__(self) -> None:
        self.root = ""
        self.listed: Counter[str] = Counter()
        self.resolved = 0

    def hook(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.root and event in ("os.scandir", "os.listdir") and f"{arguments[0]}".startswith(self.root):
            self.listed[f"{arguments[0]}"] += 1

    def profile(self, frame: object, event: str, _: object) -> None:
        if event == "call" and frame.f_code is urls.located.__code__:  # type: ignore[attr-defined]
            self.resolved += 1

    def of(self, act: Callable[[], object], root: str) -> "Looks":
        self.root, self.listed, self.resolved = root, Counter(), 0
        sys.setprofile(self.profile)
        try:
            act()
        finally:
            sys.setprofile(None)
            self.root = ""
        return self


_looks = Looks()
sys.addaudithook(_looks.hook)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masks")
    polymask.convert(SAMPLE, folder / "index")
    polymask.convert(SAMPLE, folder / "voc", to="voc")
    return folder


@pytest.mark.parametrize("layout", ["index", "voc"])
def test_stats_lists_each_folder_once(folder: Path, layout: str) -> None:
    """The layouts that look whether a folder is theirs share one listing, and one reading of its labels."""
    looks = _looks.of(lambda: stats(folder / layout), f"{folder}")
    assert looks.listed
    assert max(looks.listed.values()) == 1
    assert looks.resolved == 2  # the path, and the root that its manifest is read from


@pytest.mark.parametrize("source", ["fixtures/supervisely", "fixtures/yolo"])
def test_stats_of_a_folder_of_annotations_lists_it_once(source: str) -> None:
    """What the layouts have listed, to see that it holds no masks, serves the format too."""
    looks = _looks.of(lambda: stats(source), source)
    assert max(looks.listed.values()) == 1
    assert looks.resolved == 1


def test_compare_lists_each_side_once(folder: Path) -> None:
    looks = _looks.of(lambda: compare(f"{folder / 'voc'}", f"{folder / 'index'}"), f"{folder}")
    assert max(looks.listed.values()) == 1
    assert looks.resolved == 4  # each side, and the root that its manifest is read from


def test_preview_lists_each_folder_once(folder: Path, tmp_path: Path) -> None:
    paths = [SAMPLE, f"{folder / 'index'}"]
    looks = _looks.of(lambda: preview(paths, tmp_path / "report.html", images=PICTURES), f"{folder}")
    assert max(looks.listed.values()) == 1
    assert looks.resolved == 5  # two paths, the pictures, the output, and the manifest's root


def test_a_mask_dataset_lists_each_folder_once(folder: Path) -> None:
    looks = _looks.of(lambda: MaskDataset(PICTURES, folder / "index"), f"{folder}")
    assert max(looks.listed.values()) == 1


def test_the_format_is_about_the_annotations(folder: Path, tmp_path: Path) -> None:
    """Of two paths, the one that holds masks is masks, whatever the format of the other."""
    assert compare(SAMPLE, f"{folder / 'index'}", from_="coco").mean_iou == 1
    made = preview([SAMPLE, f"{folder / 'index'}"], tmp_path / "report.html", from_="coco")
    assert not any(image.differing for image in made.facts)


def test_verify_needs_masks() -> None:
    """Annotations are no masks to be verified."""
    with pytest.raises(InputError, match="no masks that can be read back"):
        polymask.verify("fixtures/labelme", source=SAMPLE)
