"""The parity page: what measures it finds nothing that differs, and every parity rule is on it."""

import importlib.util

import pytest

from polymask.raster import PIXEL_RULES
from tests.conftest import ROOT

spec = importlib.util.spec_from_file_location("measure_parity", ROOT / "docs/measure_parity.py")
parity = importlib.util.module_from_spec(spec)
spec.loader.exec_module(parity)
INSTALLED = [peer for peer in parity.PEERS if peer.version()]
PAGE = (ROOT / "docs/parity.md").read_text()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", INSTALLED, ids=lambda peer: peer.tool)
def test_random_polygons_are_drawn_as_the_peer_draws_them(peer):
    """Many parts, floats, halves, in and out of the frame: not one pixel differs."""
    painted, differing = parity.measure(peer, parity.random_instances(100))
    assert painted > 0
    assert differing == 0


def test_the_peers_that_come_with_the_extras_are_all_run():
    """dtlpy, scikit-image and what polymask itself needs: none is left out for want of an installation."""
    packages = {peer.package for peer in INSTALLED}
    assert packages >= {"pycocotools", "Pillow", "opencv-python-headless", "dtlpy", "scikit-image"}


@pytest.mark.parametrize("rule", [rule for rule in PIXEL_RULES if rule != "center"])
def test_every_parity_rule_is_on_the_page_and_differs_nowhere(rule):
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{rule}` |")]
    assert len(rows) >= 2
    for row in rows[1:]:
        assert row.count("**0**") == 2, row
