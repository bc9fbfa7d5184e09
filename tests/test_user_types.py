"""A user's script under `mypy --strict`: what is right passes, a misspelled option is found."""

import subprocess
import sys
from doctest import DocTestParser
from pathlib import Path

import pytest

from polymask import InputError, convert
from tests.conftest import ROOT, SAMPLE

RIGHT = """
import numpy as np
import polymask

options: polymask.ConvertOptions = {"to": "voc", "overlap": "smallest", "labels": ["cat", "dog"]}
report: polymask.Report = polymask.convert("in.json", "out", **options)
records: list[polymask.ImageRecord] = list(polymask.read("in.json", only=["cat"]))
polymask.convert(records, "out", labels={"cat": 1})
mask = polymask.rasterize([(1, 0), (3, 0), (3, 2)], (4, 4))
polymask.rasterize(np.zeros((4, 2)), (4, 4))
polymask.rasterize([polymask.Polygon([(1, 0), (3, 0), (3, 2)])], (4, 4))
polymask.rasterize({"type": "Polygon", "coordinates": []}, (4, 4))
polymask.index_mask(records[0], ["cat"], window=(0, 0, 2, 2))
picture = polymask.overlay(records[0], "a.jpg", label_map={"cat": 1})
pairs = polymask.training.MaskDataset("images", "out")
score: polymask.Comparison = polymask.compare("a", "b")
counts: polymask.Statistics = polymask.stats("out", rules=polymask.Rules(overlap="first"))
polymask.preview("out", "look.html")
record = polymask.ImageRecord(1, "a.jpg", (2, 4), [polymask.Instance(1, "cat", polymask.Polygon([(0, 0)]))])
(polygon,) = record.instances
many = polymask.Instance(2, "cat", (polymask.Polygon(ring) for ring in [[(0, 0)]]))
runs = polymask.Instance(3, "cat", polymask.Runs([2, 2], (2, 2)), crowd=True)
"""
PAGES = ("python", "preview", "training")
WRONG = """
import polymask

polymask.convert("in.json", "out", overlaps="first")
bad: polymask.ConvertOptions = {"pixel_rules": "center"}
polymask.convert("in.json", "out", workers="two")
polymask.stats("out", wheres=["a*"])
"""


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy says of both scripts; asked once, for it takes a while."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "right.py").write_text(RIGHT)
    (folder / "wrong.py").write_text(WRONG)
    for page in PAGES:
        examples = DocTestParser().get_examples((ROOT / "docs" / f"{page}.md").read_text())
        (folder / f"page_{page}.py").write_text("".join(example.source for example in examples))
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache")]
    command += ["--follow-imports", "silent", "--ignore-missing-imports"]
    run = subprocess.run(
        [*command, "right.py", "wrong.py", *(f"page_{page}.py" for page in PAGES)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return run.stdout + run.stderr


@pytest.mark.timeout(300)
def test_what_is_right_passes(findings: str) -> None:
    """Options as a dict and by name, records, every kind of shapes and labels, all public types."""
    assert "right.py" not in findings, findings


@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", PAGES)
def test_the_programs_of_the_pages_pass(findings: str, page: str) -> None:
    """Each line of a page, one after another, as somebody would copy them."""
    assert f"page_{page}.py" not in findings, findings


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("line", "says"),
    [(4, '"overlaps"'), (5, "pixel_rules"), (6, "workers"), (7, '"wheres"')],
)
def test_a_misspelled_option_is_found(findings: str, line: int, says: str) -> None:
    """Also in a dict of options, of another type, and of functions that only read."""
    assert any(f"wrong.py:{line}: error" in row and says in row for row in findings.splitlines()), findings


def test_a_misspelled_option_is_an_error_at_run_time_too(tmp_path: Path) -> None:
    """With the option that was meant."""
    with pytest.raises(InputError, match="no option 'overlaps'; did you mean 'overlap'"):
        convert(SAMPLE, tmp_path / "out", overlaps="first")  # type: ignore[call-arg]
