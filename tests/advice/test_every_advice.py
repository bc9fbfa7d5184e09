"""Each piece of advice in the package is followed by a test, or exempt for a reason."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from tests.advice.exempt import EXEMPT
from tests.advice.sites import ROWS, named, sites
from tests.conftest import ROOT

_MODULES = sorted(path.stem for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))


@cache
def followed() -> frozenset[str]:
    """The keys of all sites that rows name."""
    for module in _MODULES:
        import_module(f"tests.advice.{module}")
    return frozenset(site.key for key in ROWS for site in named(key))


@pytest.mark.parametrize("key", sorted({site.key for site in sites()}))
def test_every_advice_is_followed_or_exempt(key: str) -> None:
    """Never both: an exemption that a row has overtaken goes."""
    exempt = {site.key for short in EXEMPT for site in named(short)}
    assert (key in followed()) != (key in exempt), f"add a row that follows {key!r}, or say why none can"


@pytest.mark.parametrize("short", EXEMPT)
def test_an_exemption_has_a_reason_and_its_test_is_there(short: str) -> None:
    """A test that a reason names exists."""
    assert named(short)
    reason = EXEMPT[short]
    assert len(reason) > 10
    for path, test in re.findall(r"(tests/[\w/]+\.py)::(test_\w+)", reason):
        tree = ast.parse((ROOT / path).read_text())
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in names, f"{path} has no {test}"
