"""Label maps: reading every kind of file, values, colors, remapping."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import BackendError, Label, LabelError, LabelMap, NotFound
from polymask.labels.label_map import from_categories
from polymask.labels.voc_palette import voc_colors

names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=6)


def loaded(tmp_path: Path, text: str) -> LabelMap:
    path = tmp_path / "labels"
    path.write_text(text)
    return LabelMap.load(path)


def values(label_map: LabelMap) -> dict[str, int]:
    return {label.name: label.value for label in label_map.labels}


def test_voc_colors_are_the_published_ones() -> None:
    """The first eight, the 20th and the void color of the VOC palette."""
    colors = voc_colors().tolist()
    assert colors[:4] == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colors[4:8] == [[0, 0, 128], [128, 0, 128], [0, 128, 128], [128, 128, 128]]
    assert (colors[20], colors[255]) == ([0, 64, 128], [224, 224, 192])
    assert len(np.unique(voc_colors(), axis=0)) == 256


def test_names_a_line_as_labelme_writes_them(tmp_path: Path) -> None:
    """`__ignore__` is void, `_background_` is background, the rest count from 1."""
    label_map = loaded(tmp_path, "__ignore__\n_background_\naeroplane\nbicycle\n\n")
    assert values(label_map) == {"aeroplane": 1, "bicycle": 2}
    assert (label_map.value_of("__ignore__"), label_map.value_of("_background_")) == (255, 0)


def test_an_arrow_paints_one_label_as_another(tmp_path: Path) -> None:
    """`car -> vehicle` and `truck -> vehicle` share a value; `shadow -> _background_` is background."""
    label_map = loaded(tmp_path, "person\ncar -> vehicle\ntruck -> vehicle\nshadow -> _background_\n")
    assert values(label_map) == {"person": 1, "vehicle": 2}
    assert [label_map.value_of(n) for n in ("car", "truck", "vehicle", "shadow")] == [2, 2, 2, 0]


def test_cvat_labelmap_brings_its_colors(tmp_path: Path) -> None:
    """Lines are `name:r,g,b:parts:actions`; background takes no number."""
    text = "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:10,20,30::\ndog:1,2,3:head,tail:run\n"
    label_map = loaded(tmp_path, text)
    assert label_map.labels == (Label("cat", 1, (10, 20, 30)), Label("dog", 2, (1, 2, 3)))
    assert label_map.palette()[1].tolist() == [10, 20, 30]


@pytest.mark.parametrize(
    "text",
    [
        '{"0": "background", "3": "cat", "9": "dog"}',
        '{"background": 0, "cat": 3, "dog": 9}',
        '{"id2label": {"3": "cat", "9": "dog"}, "model_type": "segformer"}',
    ],
)
def test_id2label_and_label2id_keep_their_values(tmp_path: Path, text: str) -> None:
    """Either direction, alone or inside a model's configuration."""
    assert values(loaded(tmp_path, text)) == {"cat": 3, "dog": 9}


@pytest.mark.parametrize(
    "text",
    [
        '{"1": "cat", "2": "dog", "0": "cat"}',
        '{"id2label": {"1": "cat", "2": "cat"}}',
        '{"cat": 1, "dog": 2, "cat": 3}',
    ],
)
def test_a_name_has_one_value(tmp_path: Path, text: str) -> None:
    """Neither is dropped in silence: the file is refused, with the name."""
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(LabelError, match=r"labels\.json.*'cat' (has two values|occurs twice)"):
        LabelMap.load(path)


def test_label2id_maps_many_labels_to_one(tmp_path: Path) -> None:
    """Names of one value are painted as the first of them."""
    label_map = loaded(tmp_path, '{"vehicle": 1, "car": 1, "person": 2}')
    assert values(label_map) == {"vehicle": 1, "person": 2}
    assert label_map.value_of("car") == 1


@given(names, st.booleans())
def test_labels_json_is_read_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, many: list[str], alias: bool
) -> None:
    """Any names, colors and aliases survive `save` and `load`."""
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    label_map = LabelMap.from_names(many, aliases={"old": many[0]} if alias and many else None)
    label_map.save(path)
    assert LabelMap.load(path) == label_map


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"labels": [{"name": "cat"}]}', r"\$\.labels\[0\]"),
        ('{"labels": [{"name": "cat", "value": 1, "color": "red"}]}', r"\$\.labels\[0\]"),
        ('{"1": ["cat"]}', r"\$\.1"),
        ("# label:color_rgb:parts:actions\ncat:1,2::\n", "line 2"),
        ('{"labels": ', "not JSON"),
        ('{"1": "cat", "0": "dog"}', "background"),
        ('{"255": "cat"}', "void"),
        ('{"1": "cat", "-1": "dog"}', "0 to 65535"),
        ('{"cat": 70000}', "0 to 65535"),
        ("[1, 2]", "expected a list of names"),
        ('{"id2label": 5}', "id2label and label2id are objects"),
        ('{"%s": "cat"}' % ("9" * 5000), r"\$\.9{40}: expected"),
        ('{"id2label": {"0": "sea", "1": "sun"}}', "number its labels from 1"),
        ('{"labels": [], "void": "255"}', "void has value '255'"),
        ('{"labels": [], "void": null}', "void has value None"),
        ('{"labels": [], "void": 254.5}', r"void has value 254\.5"),
        ('{"labels": [], "void": 70000}', "void has value 70000"),
        ('{"labels": [], "void": true}', "void has value True"),
        ('{"labels": [], "background": -1}', "background has value -1"),
        ('{"labels": [{"name": "cat", "value": 1.5, "color": "#000000"}]}', r"\$\.labels\[0\].*1\.5"),
        ("cat:300,0,0::\n", "line 1"),
        ("sun\n\nsea ->\n", "line 3"),
        ("-> sea\n", "line 1"),
        ("a -> b -> c\n", "line 1"),
        ("a -> b\nb -> c\n", "line 1: 'b' is itself painted as 'c'"),
        ("a -> b\na -> c\n", "line 2: 'a' is painted as 'b' already"),
        ("a\na -> c\n", "line 2: 'a' is painted as 'a' already"),
    ],
)
def test_a_damaged_label_file_is_refused_with_its_name_and_place(
    tmp_path: Path, text: str, place: str
) -> None:
    """The error names the file and the line or key."""
    with pytest.raises(LabelError, match=rf"labels: .*{place}"):
        loaded(tmp_path, text)


def test_a_label_file_is_utf_8_and_is_there(tmp_path: Path) -> None:
    """UTF-16 is refused, a byte order mark is read over, no file is NotFound."""
    with pytest.raises(NotFound):
        LabelMap.load(tmp_path / "none.txt")
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfcat\n")
    assert LabelMap.load(tmp_path / "bom.txt").names == ("cat",)
    (tmp_path / "wide.txt").write_bytes("cat\n".encode("utf-16"))
    with pytest.raises(LabelError, match="UTF-8"):
        LabelMap.load(tmp_path / "wide.txt")


def test_source_ids_are_kept_or_refused() -> None:
    """Ids of one's own are fine unless they are background's or void's."""
    assert values(from_categories([("cat", 3), ("dog", 90)], ids="source")) == {"cat": 3, "dog": 90}
    for number in (0, 255):
        with pytest.raises(LabelError, match="--ids contiguous"):
            from_categories([("cat", number)], ids="source")
    with pytest.raises(LabelError, match="two category ids"):
        from_categories([("cat", 1), ("cat", 2)], ids="source")


def test_a_category_named_background_is_the_background() -> None:
    """With its id 0, and without a number of its own."""
    categories = [("background", 0), ("cat", 4)]
    assert values(from_categories(categories, ids="source")) == {"cat": 4}
    assert values(from_categories(categories)) == {"cat": 1}


@pytest.mark.parametrize(("count", "dtype", "void"), [(254, np.uint8, 255), (255, np.uint16, 65535)])
def test_values_take_sixteen_bits_when_they_have_to(count: int, dtype: type, void: int) -> None:
    """254 labels and void fit into 8 bits; 255 do not."""
    label_map = LabelMap.from_names([f"label {n}" for n in range(count)])
    assert (label_map.dtype, label_map.void) == (dtype, void)
    wide = LabelMap.from_values({"cat": 256})
    assert (wide.dtype, wide.void) == (np.uint16, 65535)


def test_background_and_void_differ() -> None:
    """One value cannot be both."""
    with pytest.raises(LabelError, match="both 7"):
        LabelMap((), background=7, void=7)


def test_a_name_occurs_once() -> None:
    """Two labels of one name are refused."""
    with pytest.raises(LabelError, match="twice"):
        LabelMap((Label("cat", 1, (0, 0, 0)), Label("cat", 2, (0, 0, 0))))


def test_a_folder_is_no_label_file(tmp_path: Path) -> None:
    """Reading one is refused as input; writing where a folder is, or below none, is the disk's error."""
    with pytest.raises(LabelError, match="no regular file"):
        LabelMap.load(tmp_path)
    with pytest.raises(BackendError, match="Is a directory"):
        LabelMap.from_names(["cat"]).save(tmp_path)
    with pytest.raises(NotFound):
        LabelMap.from_names(["cat"]).save(tmp_path / "none" / "labels.json")


def test_one_text_is_not_several_names() -> None:
    """`from_names("cat")` is no map of c, a and t."""
    with pytest.raises(LabelError, match="not one text"):
        LabelMap.from_names("cat")


@pytest.mark.parametrize(
    ("value", "color"),
    [(1.0, (0, 0, 0)), ("1", (0, 0, 0)), (1, (256, 0, 0)), (1, (0, 0)), (65536, (0, 0, 0))],
)
def test_a_label_has_a_whole_value_and_a_color_of_bytes(value: object, color: tuple[int, ...]) -> None:
    """What no mask or palette holds is refused where the label is made."""
    with pytest.raises(LabelError, match="'cat'"):
        Label("cat", value, color)  # type: ignore[arg-type]


def test_numpy_values_become_plain_numbers() -> None:
    """A value of uint8 is stored as an int, which JSON knows."""
    label_map = LabelMap.from_values({"cat": np.uint8(7)})
    assert type(label_map.labels[0].value) is int
    assert b'"value": 7' in label_map.to_json()


def test_the_background_is_black_whatever_its_value() -> None:
    """With background at 1, the palette has black there, and the label at 0 is not black."""
    label_map = from_categories([("sea", 0), ("background", 1), ("sun", 2)], ids="source")
    assert label_map.background == 1
    assert label_map.palette()[:3].tolist() == [[128, 0, 0], [0, 0, 0], [0, 128, 0]]
