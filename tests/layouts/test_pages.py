"""A docs page for each layout, made from its own table and up to date."""

import subprocess
import sys

import pytest

from polymask.layouts import LAYOUTS, layout_named
from tests.conftest import ROOT

TOLD = [name for name in LAYOUTS if hasattr(layout_named(name), "FACTS")]


def test_the_pages_are_up_to_date():
    command = [sys.executable, "docs/generate_layouts.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if hasattr(layout_named(name), "open_folder")])
def test_what_can_be_read_back_has_a_page(layout):
    page = (ROOT / "docs/layouts" / f"{layout}.md").read_text()
    assert f"Layout name: `{layout}`" in page
    assert layout in TOLD
