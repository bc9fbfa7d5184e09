"""Work in threads: in order, and no more of it at once than is needed."""

from itertools import count, islice

from polymask.parallel.pool import AHEAD, in_threads


def test_of_endless_work_only_the_next_is_begun() -> None:
    """A dataset may have millions of items: results come while most of them wait to be looked at."""
    taken = []

    def numbers():
        for number in count():
            taken.append(number)
            yield number

    results = in_threads(lambda number: -number, numbers(), 2)
    assert list(islice(results, 500)) == [-number for number in range(500)]
    results.close()
    assert len(taken) <= 500 + 2 * AHEAD + 1
