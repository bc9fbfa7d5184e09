"""The table of consumers: its page holds every cell as it stands, and a cell fails where a pixel differs."""

import inspect
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polymask import compare
from polymask.layouts import LAYOUTS
from tests.consumers import __main__ as command
from tests.consumers import learners, light, mmsegmentation
from tests.consumers.cells import CELLS, Cell, check
from tests.consumers.page import NOT_RUN, PAGE, shared_lines
from tests.consumers.scenes import Scenes
from tests.consumers.scores import SCORERS, SIDES, Scorer, check_score

HERE = Path(__file__).parent
IN_EVERY_INSTALL = ("pillow", "numpy", "opencv-python-headless", "pycocotools")
CERTAIN = [cell for cell in CELLS if set(cell.packages) <= set(IN_EVERY_INSTALL)]


def called(cell: Cell) -> str:
    return cell.read.__name__


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    return Scenes(tmp_path_factory.mktemp("scenes"))


@pytest.mark.parametrize("cell", CELLS, ids=called)
def test_the_page_shows_the_lines_that_were_run(cell: Cell) -> None:
    """And a row for each: run `python -m tests.consumers --write` after changing one."""
    text = PAGE.read_text()
    assert cell.source in text
    assert any(
        line.startswith(f"| {cell.consumer} ") and f"[`{cell.layout}`]" in line for line in text.splitlines()
    )
    assert cell.glue in text
    assert cell.fault in text


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda scorer: scorer.name)
def test_the_page_tells_whose_scores_are_equal(scorer: Scorer) -> None:
    """With the lines that score."""
    text = PAGE.read_text()
    assert any(line.startswith(f"| {scorer.name} ") and "labels equal" in line for line in text.splitlines())
    lines = inspect.getsource(scorer.score)
    assert lines[lines.index("\ndef ") + 1 :].rstrip() in text


def test_a_score_that_differs_in_the_ninth_digit_fails(scenes: Scenes) -> None:
    """And one of a label that `compare` does not score."""
    scorer = next(scorer for scorer in SCORERS if scorer.layout == "index")
    sides = [scenes.side("index", name, **rules) for name, rules in SIDES.items()]
    ours = dict(compare(*sides, with_background=True))
    for theirs in ({**ours, "sea": ours["sea"] + 2e-9}, {**ours, "sky": 0.5}):
        with pytest.raises(AssertionError, match=r"sea|sky"):
            check_score(replace(scorer, score=lambda *_, theirs=theirs: theirs), scenes)
    assert check_score(replace(scorer, score=lambda *_: ours), scenes) == len(ours)


def test_the_page_shows_what_they_share_and_who_was_not_run() -> None:
    text = PAGE.read_text()
    assert shared_lines() in text
    assert all(f"**{name}**: {reason}" in text for name, reason in NOT_RUN.items())


def test_every_cell_is_of_a_layout_and_its_packages_are_named_in_the_lists() -> None:
    """Of those that no install of polymask brings."""
    listed = "".join((HERE / name).read_text() for name in ("light.txt", "all.txt", "alone.txt"))
    for cell in CELLS:
        assert cell.layout in LAYOUTS
        assert all(package in listed for package in cell.packages if package not in IN_EVERY_INSTALL)
    assert {cell.read.__module__ for cell in CELLS} == {m.__name__ for m in (learners, light, mmsegmentation)}


@pytest.mark.parametrize("cell", CERTAIN, ids=called)
def test_what_every_install_has_reads_its_layout(scenes: Scenes, cell: Cell) -> None:
    """The others run by `python -m tests.consumers`."""
    check(cell, scenes.dest(cell.layout), scenes.truth(cell.layout))


@pytest.mark.parametrize(
    ("layout", "path"),
    [("index", "masks/harbor.png"), ("binary", "masks/harbor/boat.png"), ("segnet", "valannot/harbor.png")],
)
def test_a_cell_fails_where_one_pixel_differs(scenes: Scenes, tmp_path: Path, layout: str, path: str) -> None:
    """A pixel of another label, of background, or of another image's size."""
    cell = next(cell for cell in CELLS if (cell.consumer, cell.layout) == ("Pillow", layout))
    dest = shutil.copytree(scenes.dest(layout), tmp_path / "out")
    mask = np.array(Image.open(dest / path))
    row, column = np.argwhere(mask == mask.max() if layout == "binary" else (mask > 0) & (mask < 255))[0]
    mask[row, column] = 0
    Image.fromarray(mask).save(dest / path)
    with pytest.raises(AssertionError, match="harbor"):
        check(cell, dest, scenes.truth(layout))


def test_a_cell_fails_where_an_image_is_missing(scenes: Scenes, tmp_path: Path) -> None:
    cell = next(cell for cell in CELLS if (cell.consumer, cell.layout) == ("Pillow", "index"))
    dest = shutil.copytree(scenes.dest("index"), tmp_path / "out")
    (dest / "masks/empty.png").unlink()
    with pytest.raises(AssertionError, match="harbor"):
        check(cell, dest, scenes.truth("index"))


def test_what_is_not_installed_is_left_out_of_a_light_run_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that any install of polymask runs what it can; a full run without a reader fails."""
    cell = next(cell for cell in CELLS if cell.consumer == "Pillow" and cell.layout == "index")
    absent = replace(cell, consumer="Nobody", packages=("no-such-package",))
    monkeypatch.setattr(command, "CELLS", [cell, absent])
    monkeypatch.setattr(command, "SCORERS", [])
    for flags, code in ((["--light"], 0), ([], 1)):
        monkeypatch.setattr("sys.argv", ["consumers", *flags])
        assert command.main() == code
    assert "1 readers and 0 scorers run, 1 left out" in capsys.readouterr().out
