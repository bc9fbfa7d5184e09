"""Label files as tools write them: what names labels is read, and what does not is never taken for names."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymask import LabelError, LabelMap
from polymask.labels.label_files import names_in, parse
from polymask.labels.texts.name_lines import quoted

YAMLS = {
    "a list": "path: pets\ntrain: images\nnc: 2\nnames: ['cat', 02146]\n",
    "a block": "train: images\nnames:\n- cat\n- 02146\n",
    "a mapping": "names:\n  1: 02146\n  0: cat\n# classes\n",
    "isat.yaml": 'label:\n- color: "#000000"\n  name: __background__\n- name: cat\n- name: 02146\n',
}


@pytest.mark.parametrize("text", YAMLS.values(), ids=YAMLS)
def test_yaml_names_labels_by_its_keys(text: str) -> None:
    """Ultralytics' `names` in each of its forms, ISAT's `label`; a name is the text that is written."""
    assert [name for name in parse(text).names if name != "__background__"] == ["cat", "02146"]


def test_the_ids_of_a_data_yaml_are_numbers_of_classes(tmp_path: Path) -> None:
    """Also with a gap, which a list of names could not have."""
    (path := tmp_path / "pets.yaml").write_text("names: {3: cat, 5: dog}\n")
    assert names_in(path) == {3: "cat", 5: "dog"}
    assert [(label.name, label.value) for label in LabelMap.load(path).labels] == [("cat", 1), ("dog", 2)]


def test_isats_colors_are_kept(tmp_path: Path) -> None:
    """Of labels that have one as `#rrggbb`; the others have the usual colors."""
    (path := tmp_path / "isat.yaml").write_text('label:\n- {name: cat, color: "#0a141e"}\n- name: dog\n')
    cat, dog = LabelMap.load(path).labels
    assert (cat.color, dog.color) == ((10, 20, 30), (0, 128, 0))


@pytest.mark.parametrize(
    "text",
    [
        "id,name\n1,cat\n4,dog, small\n",
        'name,id\ncat,1\n"dog, small",4\n',
        "Pixel Value, Class\n1, cat\n4, dog, small\n",
        "Category_ID,Label\n4,dog, small\n1,cat\n",
    ],
)
def test_a_table_of_ids_and_names_is_read(text: str, tmp_path: Path) -> None:
    """In either order of its columns; the ids are values, and numbers of classes."""
    (path := tmp_path / "classes.csv").write_text(text)
    assert parse(text).values == {"cat": 1, "dog, small": 4}
    assert names_in(path) == {1: "cat", 4: "dog, small"}


OTHERS = {
    "settings": ("classes = 2\nnames = pets.names\n", "line 1: 'classes = 2' looks like a setting"),
    "YAML": ("path: pets\ntrain: images\n", "line 1: 'path: pets' looks like YAML"),
    "YAML's values": ("0: cat\n1: dog\n", "line 1: '0: cat' looks like YAML"),
    "YAML's list": ("- cat\n- dog\n", "line 1: '- cat' looks like YAML"),
    "protobuf": ('item {\n  id: 1\n  name: "cat"\n}\n', "line 1: 'item {' looks like JSON"),
    "XML": ('<View>\n<PolygonLabels name="l"/>\n</View>\n', "line 1: '<View>' looks like XML"),
    "a table": ("cat,red\ndog,blue\n", "line 1: 'cat,red' looks like a row of a table"),
    "its first bad line": ("cat\ndog\tblue\n", r"line 2: 'dog\\tblue' looks like a row of a table"),
    "numbered": ("0 cat\n1 dog\n", "line 1: '0 cat' looks like a number and a name"),
    "values": ("cat:0\ndog:1\n", "line 1: 'cat:0' looks like YAML"),
    "a comment": ("# pets\ncat\n", "line 1: '# pets' looks like a comment"),
    "a JSON list's middle": ('cat\n"dog",\n', "line 2: '\"dog\",' looks like JSON"),
    "behind an arrow": ("cat -> a,b\n", "line 1: 'cat -> a,b' looks like a row of a table"),
    "not YAML": ("names: [cat\n", "not YAML"),
    "YAML's text": ("names: cat\n", "names: expected a list of names"),
    "YAML's ids": ("names: {a: cat}\n", "names: expected whole numbers"),
    "ISAT without names": ("label:\n- color: red\n", r"label\[0\]: expected a row with a `name`"),
    "ISAT without rows": ("label: cat\n", "label: expected a list of rows"),
    "a table without ids": ("id,name\ncat,1\n", "line 2: a line is `value, name`"),
}


@pytest.mark.parametrize(("text", "message"), OTHERS.values(), ids=OTHERS)
def test_what_is_no_list_of_names_is_refused_with_the_line(text: str, message: str, tmp_path: Path) -> None:
    """Any text has lines; none of another file becomes a label."""
    (path := tmp_path / "labels").write_text(text)
    with pytest.raises(LabelError, match=message):
        LabelMap.load(path)


def test_names_may_be_unusual() -> None:
    """What no other file has as a line is a name."""
    names = ["2 wheeler", "C++", "animal--bird", "sea/deep (blue)", "road:left", "zone 1", "7"]
    assert parse("\n".join(names)).names == names
    assert parse('["sea, deep", "a: b"]').names == ["sea, deep", "a: b"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_name_can_be_written_as_a_line(name: str) -> None:
    """In double quotes, where it would else be misread."""
    assert parse(f"other\n{quoted(name)}").names == ["other", name]
    assert parse(quoted(name)).names == [name]
