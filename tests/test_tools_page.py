"""The page of tools and their exports: it names formats that there are, and every one of them."""

import re

import pytest

from polymask.formats import FORMATS
from tests.conftest import ROOT

PAGE = (ROOT / "docs/tools.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:2] == "| "
]
TOOLS = (
    "CVAT", "labelme", "Label Studio", "VIA", "Labelbox", "Supervisely", "Roboflow", "V7", "Encord", "Scale",
    "Segments.ai", "Playment", "RectLabel", "Dataloop", "COCO Annotator", "makesense", "X-AnyLabeling",
    "ISAT", "QuPath", "ImageJ", "MATLAB", "Appen", "Fritz AI", "Anolytics", "SuperAnnotate", "Kili", "Hasty",
    "Diffgram", "VoTT",
)  # fmt: skip


def read(row: list[str]) -> list[str]:
    """The formats that a row says are read."""
    return re.findall(r"\[`([\w-]+)`\]\(", row[1])


def test_every_format_stands_in_a_table() -> None:
    """One that is added here has a tool or a data set that it comes from."""
    assert {name for row in ROWS for name in read(row)} == set(FORMATS)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_format_that_is_named_leads_to_its_page(name: str) -> None:
    """By its name, so that the name is the one of `--from`."""
    assert set(re.findall(rf"\[`{name}`\]\(([^)]*)\)", PAGE)) == {f"formats/{name}.md"}
    assert (ROOT / f"docs/formats/{name}.md").exists()


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_has_a_row_that_says_what_to_do(tool: str) -> None:
    """Whatever of it is read: the last column is never empty."""
    (row,) = [row for row in ROWS if re.search(rf"\b{re.escape(tool)}\b", row[0])]
    assert len(row) == 4, row
    assert read(row) or row[1] == "none of its own"
    assert row[3]
