"""What notebooks show: HTML that is well-formed and needs nothing around it, and tables of pandas."""

import base64
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

import polymask
from polymask import ImageRecord, Instance, LabelMap, Polygon, decode_png
from tests.conftest import SAMPLE

PICTURES = SAMPLE.parent / "images"
SQUARE = Polygon([(1, 0), (3, 0), (3, 2), (1, 2)])


def html_of(thing: Any) -> str:
    """What a notebook gets; parsed, so that no tag stays open and no text is markup."""
    html = thing._repr_html_()
    assert isinstance(html, str)
    ET.fromstring(f"<div>{html}</div>")
    assert "http" not in html
    return html


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    polymask.convert(SAMPLE, tmp_path / "masks")
    return tmp_path / "masks"


def test_statistics_are_a_table_of_labels(masks: Path) -> None:
    """The label with the most pixels first; a row a label in pandas, or a row an image and label."""
    counts = polymask.stats(SAMPLE)
    html = html_of(counts)
    assert html.index("sea") < html.index("flock")
    frame = counts.to_dataframe()
    assert frame.loc["sea", "pixels"] == counts.labels["sea"]["pixels"]
    assert list(frame.columns) == ["instances", "pixels", "images"]
    rows = counts.to_dataframe(per_image=True)
    assert rows.groupby("label").pixels.sum()["sea"] == counts.labels["sea"]["pixels"]
    assert set(rows.name) == {"harbor.png", "meadow.png"}
    assert "—" in html_of(polymask.stats(masks))  # masks do not tell instances apart


def test_a_comparison_is_tables_of_scores_and_mistakes() -> None:
    truth, other = np.array([[1, 1, 2, 255]], np.uint8), np.array([[1, 0, 2, 2]], np.uint8)
    score = polymask.compare(truth, other, ["cat", "dog"])
    html = html_of(score)
    assert "0.7500" in html
    assert html.index("cat") < html.index("dog")
    frame = score.to_dataframe()
    assert frame.iou.to_dict() == {"cat": 0.5, "dog": 1.0}
    assert list(frame.columns) == ["iou", "intersection", "union", "truth_pixels", "other_pixels"]


def test_findings_are_tables_by_rank() -> None:
    """A list still; what blocks comes first, and text of the annotations is no markup."""
    findings = polymask.check("fixtures/odd/instances.json")
    assert isinstance(findings, list)
    assert [finding.kind for finding in findings] == ["self-intersection", "out-of-frame"]
    assert "self-intersection" in html_of(findings)
    assert findings.to_dict()["counts"] == {"self-intersection": 1, "out-of-frame": 1}
    assert findings.to_dataframe()["rank"].tolist() == ["odd", "odd"]
    evil = polymask.Findings([polymask.Finding("invalid", "<script>", None, "<b>&")])
    assert "<script>" not in html_of(evil)
    assert html_of(polymask.Findings()) == "<p>Nothing odd found.</p>"


def test_a_label_map_is_a_table_with_colors() -> None:
    labels = LabelMap.from_names(["cat", "<dog>"])
    html = html_of(labels)
    assert "#800000" in html
    assert "&lt;dog&gt;" in html
    assert labels.to_dict()["labels"][0] == {"name": "cat", "value": 1, "color": "#800000"}
    assert labels.to_dataframe().loc["<dog>", "value"] == 2


def test_a_record_that_was_read_is_drawn_over_its_picture() -> None:
    """The picture is held in the drawing, so that it shows anywhere; without one it is gray as before."""
    record, *_ = polymask.read(SAMPLE)
    held = re.search(r"data:image/jpeg;base64,([^']+)", html_of(record))
    assert held
    with Image.open(BytesIO(base64.b64decode(held[1]))) as photo, Image.open(PICTURES / "harbor.png") as own:
        assert photo.size == own.size
        assert abs(np.array(photo.convert("L"), int) - np.array(own.convert("L"), int)).mean() < 4
    assert "<image" not in html_of(replace(record, picture=None))
    assert "<image" not in html_of(replace(record, picture=lambda: b"no picture"))

    def gone() -> bytes:
        raise OSError("gone")

    assert "<image" not in html_of(replace(record, picture=gone))


def test_a_record_is_a_png_too() -> None:
    """Its mask over its picture, small where the picture is large, in the picture's shape."""
    record, *_ = polymask.read(SAMPLE)
    with Image.open(BytesIO(record._repr_png_())) as shown:
        assert shown.size == (160, 120)
    large = ImageRecord(1, "a.jpg", (3000, 6000), (Instance(1, "cat", SQUARE),))
    with Image.open(BytesIO(large._repr_png_())) as shown:
        assert shown.size == (960, 480)


def test_a_picture_is_no_part_of_a_record() -> None:
    """Equal, hashed and written as without; it stays behind when a record goes to another process."""
    record, *_ = polymask.read(SAMPLE)
    assert record.picture is not None
    assert record.picture() == (PICTURES / "harbor.png").read_bytes()
    bare = replace(record, picture=None)
    assert (record, hash(record)) == (bare, hash(bare))
    assert "picture" not in repr(record)
    sent = pickle.loads(pickle.dumps(record))
    assert sent == record
    assert sent.picture is not None
    assert sent.picture() is None


def test_without_pandas_the_error_says_what_to_install() -> None:
    code = """
import sys
sys.modules["pandas"] = None
import polymask
try:
    polymask.LabelMap.from_names(["cat"]).to_dataframe()
except polymask.InputError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "a table of pandas needs pandas; pip install 'polymask[notebook]'\n"


def test_a_bar_shows_how_far_a_run_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """tqdm's own choice of bar, which notebooks show; it ends by itself, and may be used again."""
    bar = polymask.ProgressBar()
    polymask.convert(SAMPLE, tmp_path, progress=bar)
    polymask.stats(SAMPLE, progress=bar)
    shown = capsys.readouterr().err
    assert shown.count("100%") == 2
    assert "3/3" in shown
    assert decode_png((tmp_path / "masks/harbor.png").read_bytes()).any()
