"""Merging: overlap rules, conflicts, crowd, holes, borders."""

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polymask import (
    ImageRecord,
    InputError,
    Instance,
    LabelError,
    LabelMap,
    LimitError,
    Limits,
    Polygon,
    Runs,
    conflicts,
    index_mask,
    label_masks,
    rasterize,
)
from polymask.painting.borders import border
from polymask.painting.painting import Painting, Rules
from polymask.raster.painted import fill
from tests.raster.scenes import random_painting
from tests.support.oracles import drawn

FRAME = (7, 9)
LABELS = LabelMap.from_names([*"abc"])


def box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return Polygon([(left, top), (right, top), (right, bottom), (left, bottom)])


def instance(number: int, label: str, *polygons: Polygon, **more: object) -> Instance:
    return Instance(number, label, polygons, **more)  # type: ignore[arg-type]


def record(*instances: Instance, frame: tuple[int, int] = (3, 6)) -> ImageRecord:
    return ImageRecord(1, "a.jpg", frame, instances)


PAIR = record(instance(1, "a", box(0, 0, 4, 2)), instance(2, "b", box(2, 1, 6, 3)))


@pytest.mark.parametrize(
    ("rule", "priority", "expected"),
    [
        ("last", (), ("1111..", "112222", "..2222")),
        ("first", (), ("1111..", "111122", "..2222")),
        ("smallest", (), ("1111..", "112222", "..2222")),
        ("priority", ("a", "b"), ("1111..", "111122", "..2222")),
        ("priority", ("b",), ("1111..", "112222", "..2222")),
        ("void", (), ("1111..", "11vv22", "..2222")),
    ],
)
def test_overlap_rules_drawn_by_hand(rule: str, priority: tuple[str, ...], expected: tuple[str, ...]) -> None:
    """Two boxes of one size share two pixels; each rule gives them to its winner."""
    assert (index_mask(PAIR, LABELS, overlap=rule, priority=priority) == drawn(*expected)).all()


def test_smallest_counts_pixels_inside_the_frame() -> None:
    """A huge box of which little is inside lies on top of a small one."""
    small, huge = instance(1, "a", box(0, 0, 4, 3)), instance(2, "b", box(-900, 0, 2, 3))
    mask = index_mask(record(huge, small), LABELS, overlap="smallest")
    assert (mask == drawn("2211..", "2211..", "2211..")).all()


def test_unnamed_labels_come_below_named_ones_last_on_top() -> None:
    """`priority` names c only: b then lies on a, and c on both."""
    whole = box(0, 0, 6, 3)
    three = record(
        instance(1, "c", box(0, 0, 2, 3)), instance(2, "a", whole), instance(3, "b", box(4, 0, 6, 3))
    )
    mask = index_mask(three, LABELS, overlap="priority", priority=["c"])
    assert (mask == drawn(*["331122"] * 3)).all()


def test_error_fails_the_image_and_names_the_labels() -> None:
    """Under `error`, a conflict is a LabelError; without one, the mask is that of `last`."""
    with pytest.raises(LabelError, match="'a' and 'b' both claim 2 px"):
        index_mask(PAIR, LABELS, overlap="error")
    alone = record(PAIR.instances[0])
    assert (index_mask(alone, LABELS, overlap="error") == index_mask(alone, LABELS)).all()


def test_a_background_on_top_cuts_its_hole_into_what_became_void() -> None:
    """Under `void`, contested pixels below a background instance are background, the others void."""
    cut = record(*PAIR.instances, instance(3, "background", box(2, 0, 3, 3)))
    assert (index_mask(cut, LABELS, overlap="void") == drawn("11.1..", "11.v22", "...222")).all()


def test_under_error_nobody_wins() -> None:
    """A conflict that fails its image gives no label the pixels."""
    (found,) = conflicts(PAIR, label_map=LABELS, overlap="error")
    assert (found.labels, found.pixels, found.winner, found.won) == (("a", "b"), 2, None, {})


instances = st.lists(
    st.builds(
        instance,
        st.integers(0, 99),
        st.sampled_from("abc"),
        st.builds(
            Polygon, st.lists(st.tuples(st.integers(-2, 11), st.integers(-2, 9)), min_size=3, max_size=5)
        ),
        order=st.integers(0, 2),
    ),
    max_size=6,
).map(tuple)


def expected_mask(ordered: list[Instance], rule: str) -> np.ndarray:
    """A plain loop over full masks."""
    area = {id(i): rasterize(i.shape, FRAME).sum() for i in ordered}
    order = {
        "last": ordered,
        "void": ordered,
        "first": ordered[::-1],
        "smallest": sorted(ordered, key=lambda i: -area[id(i)]),
        "priority": sorted(ordered, key=lambda i: "acb".index(i.label)),
    }[rule]
    mask = np.zeros(FRAME, int)
    for one in order:
        mask[rasterize(one.shape, FRAME)] = LABELS.value_of(one.label)
    if rule == "void":
        mask[sum(claimed(ordered, label).astype(int) for label in "abc") > 1] = 255
    return mask


def claimed(many: list[Instance], label: str) -> np.ndarray:
    masks = [rasterize(i.shape, FRAME) for i in many if i.label == label]
    return np.logical_or.reduce(masks) if masks else np.zeros(FRAME, bool)


@given(instances, st.sampled_from(["last", "first", "smallest", "priority", "void"]))
def test_masks_and_conflicts_are_those_of_a_plain_loop(many: tuple[Instance, ...], rule: str) -> None:
    """Full-frame masks, painted one by one in z order, say the same, pixel by pixel and pair by pair."""
    priority = ("b", "c") if rule == "priority" else ()
    one, ordered = record(*many, frame=FRAME), sorted(many, key=lambda i: i.order)
    mask = expected_mask(ordered, rule)
    assert (index_mask(one, LABELS, overlap=rule, priority=priority) == mask).all()
    found = {c.labels: c for c in conflicts(one, label_map=LABELS, overlap=rule, priority=priority)}
    for pair in combinations("abc", 2):
        both = claimed(ordered, pair[0]) & claimed(ordered, pair[1])
        assert (found[pair].pixels if pair in found else 0) == both.sum()
        if both.any() and rule != "void":
            owners = {name: int((mask[both] == LABELS.value_of(name)).sum()) for name in "abc"}
            assert found[pair].won == {name: pixels for name, pixels in owners.items() if pixels}
            assert owners[found[pair].winner or ""] == max(owners.values())


def test_three_labels_on_one_pixel_are_three_pairs_and_one_contested_pixel() -> None:
    """A pixel counts once for each pair of labels, and once in the total."""
    dot = box(2, 1, 3, 2)
    three = Painting(record(*(instance(n, label, dot) for n, label in enumerate("abc"))), LABELS, Rules())
    assert [(c.labels, c.pixels, c.winner) for c in three.conflicts] == [
        (("a", "b"), 1, "c"),
        (("a", "c"), 1, "c"),
        (("b", "c"), 1, "c"),
    ]
    assert (three.contested_pixels, three.labeled_pixels) == (1, 1)


def test_overlap_within_a_label_is_no_conflict() -> None:
    """Two cats may overlap; so may a cat and a label that is painted as a cat."""
    two = record(instance(1, "a", box(0, 0, 3, 3)), instance(2, "tom", box(1, 0, 4, 3)))
    label_map = LabelMap.from_names(["a"], aliases={"tom": "a"})
    assert conflicts(two, label_map=label_map, overlap="void") == ()
    assert (index_mask(two, label_map, overlap="void") == drawn(*["1111.."] * 3)).all()


@pytest.mark.parametrize("name", ["_background_", "background", "__background__"])
def test_background_instances_cut_holes(name: str) -> None:
    """An instance labeled background paints background, without a conflict."""
    cut = record(instance(1, "a", box(0, 0, 5, 3)), instance(2, name, box(1, 1, 4, 2)))
    for rule in ("last", "void"):
        assert (index_mask(cut, LABELS, overlap=rule) == drawn("11111.", "1...1.", "11111.")).all()
    assert conflicts(cut, label_map=LABELS) == ()


def test_ignored_instances_paint_void() -> None:
    """`__ignore__` is void, as labelme means it."""
    ignored = record(instance(1, "a", box(0, 0, 5, 3)), instance(2, "__ignore__", box(1, 1, 4, 2)))
    assert (index_mask(ignored, LABELS) == drawn("11111.", "1vvv1.", "11111.")).all()


@pytest.mark.parametrize(("crowd", "row"), [("keep", "222211"), ("void", "vvvv11"), ("skip", "111111")])
def test_crowds_are_kept_voided_or_skipped(crowd: str, row: str) -> None:
    """A crowd region on top of an instance, under each policy."""
    both = record(
        instance(1, "a", box(0, 0, 6, 3)),
        Instance(2, "b", Runs([0, 12, 6], (3, 6)), crowd=True),
    )
    assert (index_mask(both, LABELS, crowd=crowd) == drawn(row, row, row)).all()


@pytest.mark.parametrize(("holes", "middle"), [(None, "11111."), ("union", "11111."), ("even-odd", "1...1.")])
def test_holes_can_be_told_to_be_holes(holes: str | None, middle: str) -> None:
    """Two nested parts are united, unless told to be even-odd."""
    nested = record(instance(1, "a", box(0, 0, 5, 3), box(1, 1, 4, 2)))
    assert (index_mask(nested, LABELS, holes=holes) == drawn("11111.", middle, "11111.")).all()


def test_union_fills_a_named_hole() -> None:
    """`--holes union` paints every ring, holes too."""
    ring = record(instance(1, "a", Polygon(box(0, 0, 5, 3).exterior, [box(1, 1, 4, 2).exterior])))
    assert (index_mask(ring, LABELS, holes="union") == drawn(*["11111."] * 3)).all()


def test_a_border_is_void_on_both_sides_of_instance_boundaries() -> None:
    """One px wide: the last of one side and the first of the other; the frame's edge is none."""
    halves = record(instance(1, "a", box(0, 0, 4, 3)), instance(2, "a", box(4, 0, 8, 3)), frame=(3, 12))
    assert (index_mask(halves, LABELS, border=1) == drawn(*["111vv11vv..."] * 3)).all()
    assert (index_mask(halves, LABELS, border=2) == drawn(*["11vvvvvvvv.."] * 3)).all()


def test_a_border_surrounds_a_corner() -> None:
    """The ring has a pixel at each corner, inside and outside."""
    dot = record(instance(1, "a", box(2, 2, 5, 5)), frame=(7, 7))
    ring = "vvvvv"
    expected = drawn(".......", f".{ring}.", f".{ring}.", ".vv1vv.", f".{ring}.", f".{ring}.", ".......")
    assert (index_mask(dot, LABELS, border=1) == expected).all()


def test_instance_ids_number_the_instances_in_paint_order() -> None:
    """The id on top owns the pixel; void stays void; a background instance has none."""
    three = record(*PAIR.instances, instance(3, "background", box(0, 0, 1, 1)))
    painting = Painting(three, LABELS, Rules(overlap="void"))
    assert (fill(painting.instance_ids(255)) == drawn(".111..", "11vv22", "..2222")).all()


def test_more_instances_than_numbers_are_refused() -> None:
    """254 instances can be numbered in 8 bits, 255 cannot."""
    many = [instance(n, "a", box(0, 0, 1, 1)) for n in range(255)]
    assert Painting(record(*many[:254]), LABELS, Rules()).instance_ids(255).value.max() == 254
    with pytest.raises(LimitError, match="255 instances"):
        Painting(record(*many), LABELS, Rules()).instance_ids(255)


def test_label_masks_are_unions_and_name_their_sources() -> None:
    """Masks of two labels overlap; each lists the ids of its instances; background has none."""
    one = record(
        *PAIR.instances, instance(3, "a", box(5, 0, 6, 1)), instance(4, "background", box(0, 0, 1, 1))
    )
    found = {mask.label: mask for mask in label_masks(one)}
    assert list(found) == ["a", "b"]
    assert (found["a"].mask == drawn("####.#", "####..", "......")).all()
    assert (found["b"].mask == drawn("......", "..####", "..####")).all()
    assert (found["a"].sources, found["b"].sources) == ((1, 3), (2,))


def test_a_label_outside_the_frame_has_an_empty_mask() -> None:
    """It is still told of, for its instances have to be accounted for."""
    (mask,) = label_masks(record(instance(1, "a", box(50, 50, 60, 60))))
    assert not mask.mask.any()


def test_an_unknown_label_is_refused_with_the_nearest_name() -> None:
    """A label that is not in the map is never guessed."""
    with pytest.raises(LabelError, match="did you mean 'house'"):
        index_mask(record(instance(1, "hause", box(0, 0, 1, 1))), LabelMap.from_names(["house"]))


@pytest.mark.parametrize(
    "rules",
    [
        {"overlap": "top"},
        {"crowd": "drop"},
        {"holes": "xor"},
        {"border": -1},
        {"overlap": "priority"},
        {"priority": ["a"]},
    ],
)
def test_unknown_rules_are_refused(rules: dict[str, object]) -> None:
    """Rules are named, and `priority` comes with its list."""
    with pytest.raises(InputError):
        index_mask(PAIR, LABELS, **rules)  # type: ignore[arg-type]


def test_masks_have_sixteen_bits_when_values_need_them() -> None:
    """255 labels and void do not fit into 8 bits."""
    names = [f"label {n}" for n in range(255)]
    mask = index_mask(record(instance(1, names[-1], box(0, 0, 1, 1))), LabelMap.from_names(names))
    assert mask.dtype == np.uint16
    assert mask[0, 0] == 255


def test_a_wide_border_costs_no_more_than_the_frame() -> None:
    """One that is wider than the frame covers all of it, wherever there is a boundary."""
    owners = np.zeros((40, 50), np.int32)
    owners[3, 4] = 1
    assert border(owners, 1_000_000).all()
    assert not border(np.ones((40, 50), np.int32), 1_000_000).any()


@given(arrays(np.int32, (9, 11), elements=st.integers(0, 2)), st.integers(1, 12))
def test_a_border_is_where_a_window_holds_two_owners(owners: np.ndarray, width: int) -> None:
    """Pixel by pixel, in the square of `width` pixels on every side."""
    expected = [
        [
            len(np.unique(owners[max(0, r - width) : r + width + 1, max(0, c - width) : c + width + 1])) > 1
            for c in range(11)
        ]
        for r in range(9)
    ]
    assert border(owners, width).tolist() == expected


@pytest.mark.parametrize("rule", ["last", "void"])
@pytest.mark.parametrize("width", [1, 2, 9])
def test_a_border_that_is_painted_in_strips_is_that_of_the_whole(
    rule: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mask, counts and instance ids of crooked scenes; strips are of two rows and more."""
    monkeypatch.setattr("polymask.raster.painted.STRIP_PIXELS", 1)
    rng = random.Random(width)
    for _ in range(30):
        scene = random_painting(rng, rule)
        rules = replace(scene.rules, border=width)
        painting = Painting(scene.record, scene.label_map, rules)
        void, owners = scene.label_map.void, scene.owners(0, scene.record.frame[0])
        expected = scene.index.copy()
        expected[border(owners, width)] = void
        np.testing.assert_array_equal(painting.index, expected)
        assert painting.pixels == dict(zip(*np.unique(expected, return_counts=True), strict=True))
        ids = np.where(expected == void, 65535, owners)
        np.testing.assert_array_equal(fill(painting.instance_ids(65535), np.uint16), ids)
        without = np.where(scene.index == void, 65535, owners)
        np.testing.assert_array_equal(fill(scene.instance_ids(65535), np.uint16), without)


def test_labels_over_one_another_in_too_many_ways_are_refused_instead_of_counted_for_hours() -> None:
    """A staircase of 900 labels: as many sets as labels, each with as many members."""
    steps = [Polygon([(0, 0), (901 - n, 0), (901 - n, 1), (0, 1)]) for n in range(900)]
    instances = tuple(Instance(n, f"label {n}", (step,)) for n, step in enumerate(steps))
    with pytest.raises(LimitError, match=r"hundreds of labels.*--max-conflict-pairs"):
        conflicts(ImageRecord(1, "a.jpg", (1, 901), instances))


def test_the_limit_on_overlaps_is_raised_by_its_flag() -> None:
    """Six labels on one pixel are fifteen pairs, all owned by the last."""
    boxes = [instance(n, f"label {n}", box(0, 0, 1, 1)) for n in range(6)]
    labels = LabelMap.from_names([i.label for i in boxes])
    with pytest.raises(LimitError, match="more than 14 pairs"):
        _ = Painting(record(*boxes), labels, Rules(), limits=Limits(max_conflict_pairs=14)).painted
    painting = Painting(record(*boxes), labels, Rules(), limits=Limits(max_conflict_pairs=15))
    assert len(painting.conflicts) == 15
