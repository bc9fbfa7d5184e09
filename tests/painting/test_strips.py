"""Very large frames: painted in strips, and nothing else is different."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polymask import ImageRecord, Instance, LabelMap, Polygon, Runs
from polymask.painting import strips as module
from polymask.painting.painting import Painting, Rules
from polymask.painting.strips import StripedPainting, painting

FRAME = (23, 17)
LABELS = LabelMap.from_names(["cat", "dog", "sea"])
points = st.lists(
    st.tuples(st.integers(-6, 40), st.integers(-6, 50)).map(lambda twice: (twice[0] / 2, twice[1] / 2)),
    min_size=3,
    max_size=6,
)
names = st.sampled_from(["cat", "dog", "sea", "_background_", "__ignore__"])
RULES = [
    Rules(),
    Rules(overlap="first"),
    Rules(overlap="smallest", crowd="void"),
    Rules(overlap="void"),
    Rules(overlap="priority", priority=("sea", "cat")),
    Rules(pixel_rule="coco"),
    Rules(pixel_rule="pil"),
    Rules(holes="even-odd"),
]


@pytest.fixture(autouse=True)
def small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strips of three rows."""
    monkeypatch.setattr(module, "STRIP_PIXELS", 3 * FRAME[1])


Drawn = list[tuple[str, list[list[tuple[float, float]]]]]


def record(drawn: Drawn) -> ImageRecord:
    instances = [
        Instance(i, name, map(Polygon, rings), crowd=i % 4 == 3) for i, (name, rings) in enumerate(drawn)
    ]
    runs = Runs([40, 60, FRAME[0] * FRAME[1] - 100], FRAME)
    return ImageRecord(1, "a", FRAME, (*instances, Instance("runs", "dog", runs)))


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: f"{rules.overlap} {rules.pixel_rule}")
@settings(max_examples=40)
@given(drawn=st.lists(st.tuples(names, st.lists(points, max_size=3)), max_size=6))
def test_strips_are_the_whole_mask_and_its_counts(rules: Rules, drawn: Drawn) -> None:
    """Pixels, pixels by value, labeled and contested pixels, and conflicts by pair."""
    whole, striped = Painting(record(drawn), LABELS, rules), painting(record(drawn), LABELS, rules)
    assert isinstance(striped, StripedPainting)
    np.testing.assert_array_equal(np.concatenate(list(striped.strips())), whole.index)
    assert striped.pixels == whole.pixels
    assert striped.labeled_pixels == whole.labeled_pixels
    assert striped.contested_pixels == whole.contested_pixels
    assert [(c.labels, c.pixels, c.won) for c in striped.conflicts] == [
        (c.labels, c.pixels, c.won) for c in whole.conflicts
    ]


def test_counts_are_there_before_the_strips_were_asked_for() -> None:
    """Who asks first makes no difference."""
    striped = painting(record([("cat", [[(0, 0), (9, 0), (9, 20)]])]), LABELS, Rules())
    assert sum(striped.pixels.values()) == FRAME[0] * FRAME[1]


def test_a_void_border_looks_across_strips() -> None:
    """So it is painted whole."""
    assert type(painting(record([]), LABELS, Rules(border=1))) is Painting
