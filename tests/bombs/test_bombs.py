"""Small files that claim to be large cost next to nothing; `python -m tests.bombs --large` has the large ones."""

from tests.bombs.__main__ import in_a_process, wrong
from tests.bombs.cases import BOMBS


def test_bombs_are_refused_in_time_and_in_little_memory() -> None:
    """One process, with bounded memory, survives all of them; each is what it should be."""
    results = {result["name"]: result for result in in_a_process(list(BOMBS))}
    assert {name: told for name, bomb in BOMBS.items() if (told := wrong(results[name], bomb))} == {}
