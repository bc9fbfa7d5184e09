"""The site as zensical builds it, and a browser."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support import browser as support

browser = support.browser


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site; extra `docs`."""
    project = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "docs", project / "docs")
    (project / "polymask").symlink_to(ROOT / "polymask")
    shutil.copy(ROOT / "zensical.toml", project)
    subprocess.run([sys.executable, "-m", "zensical", "build"], cwd=project, check=True)
    return project / "site"
