"""Reports to open in a browser."""

from pathlib import Path

import pytest

from polymask.report.html import preview
from tests.conftest import SAMPLE
from tests.support import browser as support

browser = support.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's report."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    preview(SAMPLE, path)
    return path
