"""Same pixels, same bytes: whichever kernel paints and writes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from polymask import native
from polymask.layouts import LAYOUTS
from tests.conftest import ROOT, SAMPLE

CONVERT = """
import sys
from polymask import convert
from polymask.layouts import LAYOUTS
for layout in LAYOUTS:
    numbered = layout in ("index", "voc", "cityscapes", "idd")
    convert(sys.argv[1], f"{sys.argv[2]}/{layout}", to=layout, instances=numbered)
convert(sys.argv[1], f"{sys.argv[2]}/bordered", to="voc", instances=True, border=2, overlap="void")
"""


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.skipif(native.compiled is None, reason="there is one kernel only")
def test_either_kernel_writes_the_same_bytes_in_every_layout(tmp_path: Path) -> None:
    """PNGs, archives, JSON and manifests."""
    for kernel in ("numpy", "compiled"):
        command = [sys.executable, "-c", CONVERT, str(SAMPLE), str(tmp_path / kernel)]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "POLYMASK_KERNEL": kernel}, check=True)
    written = contents(tmp_path / "compiled")
    assert {name.partition("/")[0] for name in written} == {*LAYOUTS, "bordered"}
    assert written == contents(tmp_path / "numpy")
