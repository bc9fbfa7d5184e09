"""The bugs can be put in: what they edit is there, and so are the tests that must see them."""

from pathlib import Path

import pytest

from tests.seeded.bugs import BUGS, Bug
from tests.seeded.equivalent import EQUIVALENT
from tests.seeded.mutants import TESTS

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.what)
def test_a_bug_can_be_put_in(bug: Bug) -> None:
    """Its text is in its module once, and its tests are where it says."""
    assert (ROOT / "polymask" / bug.module).read_text().count(bug.old) == 1
    assert all((ROOT / test.partition("::")[0]).exists() for test in bug.tests)


def test_mutants_are_of_modules_that_there_are() -> None:
    """Their tests too."""
    modules = {*EQUIVALENT, *TESTS}
    assert [module for module in modules if not (ROOT / "polymask" / module).is_file()] == []
    tests = {test.partition("::")[0] for tests in TESTS.values() for test in tests}
    assert [test for test in tests if not (ROOT / test).exists()] == []
