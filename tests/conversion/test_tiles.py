"""Tiles: cut from the painted spans of the whole, listed, proven, and put together again pixel for pixel."""

import json
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from polymask import (
    FormatError,
    ImageRecord,
    InputError,
    Instance,
    LabelMap,
    LimitError,
    Polygon,
    ProofError,
    compare,
    convert,
    decode_png,
    encode_png,
    index_mask,
    remove_masks,
    stats,
    training,
    verify,
)
from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.effects import refuse_folder_options
from polymask.layouts import LAYOUTS, TILE_LAYOUTS, layout_named
from polymask.painting.painting import Painting, Rules
from polymask.painting.tiles import Tiling, corner_of, image_of, tile_name, tiles_of
from polymask.proving import examine
from polymask.storage.manifest import MANIFEST
from tests.conftest import SAMPLE, Run, coco, square, tree

PICTURES = SAMPLE.parent / "images"
TILES: dict[str, Any] = {"tile": (50, 64), "tile_overlap": 10}
SIDES = st.integers(1, 12)
NAMES = st.text("ab._rc0é", min_size=1).map("{}.png".format) | st.text("ab._rc01")


def lines(out: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, (out / MANIFEST).read_text().splitlines())}


def wide(path: Path, *names: str, width: int = 9) -> Path:
    """A file of images of `width` × 6 px, each with a cat below a dog."""
    images = [{"id": n, "file_name": name, "height": 6, "width": width} for n, name in enumerate(names, 1)]
    rows = [
        {"id": 2 * n + kind, "image_id": n, "category_id": (3, 7)[kind], "segmentation": [ring]}
        for n in range(1, len(names) + 1)
        for kind, ring in enumerate((square(1, 1, 3), square(3, 2, 3)))
    ]
    path.write_text(json.dumps(coco(images=images, annotations=rows)))
    return path


# what a tile is


@given(SIDES, SIDES, SIDES, SIDES, st.data())
def test_tiles_cover_a_frame_and_stay_in_it(
    height: int, width: int, h: int, w: int, data: st.DataObject
) -> None:
    """All are of one size, no larger than the frame, and neighbors share at least the overlap."""
    overlap = data.draw(st.integers(0, min(h, w) - 1))
    windows = list(Tiling((h, w), overlap).windows((height, width)))
    seen = np.zeros((height, width), int)
    for row, column, *size in windows:
        assert size == [min(h, height), min(w, width)]
        assert row + size[0] <= height
        assert column + size[1] <= width
        seen[row : row + size[0], column : column + size[1]] += 1
    assert seen.all()
    assert windows == sorted(set(windows))
    for axis, (side, size) in enumerate(((height, h), (width, w))):
        starts = sorted({window[axis] for window in windows})
        assert all(second - first <= size - overlap for first, second in pairwise(starts))
        assert starts[-1] == max(side - size, 0)


@settings(max_examples=50)
@given(
    st.text("ab._rc0é", min_size=1).map("{}.png".format) | st.text("ab._rc01"), st.integers(0, 10**6), SIDES
)
def test_a_tile_name_leads_back_to_image_row_and_column(name: str, row: int, column: int) -> None:
    """Rows stand before columns, and names are in the order of rows as long as these have five digits."""
    tile = tile_name(name, (row, column, 4, 4))
    assert (image_of(tile), corner_of(tile)) == (name, (row, column))


def test_names_of_tiles_sort_row_by_row() -> None:
    windows = list(Tiling((10, 10)).windows((300, 1200)))
    names = [tile_name("a.png", window) for window in windows]
    assert names == sorted(names)
    assert names[1] == "a_r00000_c00010.png"


RECORDS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.integers(-2, 20), st.integers(-2, 20)), min_size=3, max_size=6),
        st.sampled_from("ab"),
    ),
    max_size=4,
).map(
    lambda many: ImageRecord(
        1,
        "a.jpg",
        (7, 9),
        [Instance(i, n, Polygon([(x / 2, y / 2) for x, y in ring])) for i, (ring, n) in enumerate(many)],
    )
)


@settings(max_examples=40)
@given(
    RECORDS,
    st.tuples(SIDES, SIDES),
    st.fixed_dictionaries(
        {"overlap": st.sampled_from(["last", "smallest", "void"]), "border": st.integers(0, 2)}
    ),
    st.data(),
)
def test_a_tile_is_the_window_of_the_whole(
    record: ImageRecord, size: tuple[int, int], rules: dict[str, Any], data: st.DataObject
) -> None:
    """Under rules that look beyond it too; stitched, tiles are the whole; instances keep their numbers."""
    label_map = LabelMap.from_names(["a", "b"])
    whole = Painting(record, label_map, Rules(**rules))
    overlap = data.draw(st.integers(0, min(size) - 1))
    tiles = list(tiles_of(whole, Tiling(size, overlap)))
    for tile in tiles:
        expected = index_mask(record, label_map, window=tile.window, **rules)
        assert (tile.index == expected).all()
    named = {tile.record.name: tile.index for tile in tiles}
    assert (training.stitch(named, frame=record.frame) == whole.index).all()
    ids = {tile.record.name: _filled(tile.instance_ids(255)) for tile in tiles}
    assert (training.stitch(ids) == _filled(whole.instance_ids(255))).all()


def _filled(painted: Any) -> Any:
    from polymask.raster.painted import fill

    return fill(painted)


def test_the_spans_of_a_tile_are_those_in_its_window() -> None:
    """So that what is computed from them, such as label masks, is of the window."""
    record = ImageRecord(1, "a", (2, 6), [Instance(1, "a", Polygon([(0, 0), (5, 0), (5, 1), (0, 1)]))])
    _, second, *_ = tiles_of(Painting(record, LabelMap.from_names(["a"]), Rules()), Tiling((1, 3)))
    assert second.label_spans["a"].stop.tolist() == [2]
    assert second.pixels == {0: 1, 1: 2}


def test_too_many_tiles_are_refused() -> None:
    with pytest.raises(LimitError, match="make --tile larger"):
        Tiling((1, 1)).windows((2000, 2000))


# a run


@pytest.mark.parametrize("layout", TILE_LAYOUTS)
def test_stitched_tiles_are_the_whole_mask(tmp_path: Path, layout: str) -> None:
    """In every layout, with pictures cut as the masks are; the manifest tells image and window of each."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    options: dict[str, Any] = {
        "to": layout,
        "images": PICTURES,
        "copy_images": True,
        "split_ratio": "0.5,0.5",
    }
    convert(SAMPLE, whole, **options)
    report = convert(SAMPLE, cut, **options, **TILES)
    assert (report.images, report.written, report.failed) == (3, 3, 0)
    assert verify(cut).unchanged == 27
    images = cut / layout_named(layout).IMAGES.format(split="train")
    stored = training.MaskDataset(images, cut)
    for image, mask in zip(*_pairs(whole), strict=True):
        assert (training.stitch(cut, image) == mask).all()
        of_image = {name: pair for name, pair in zip(stored.names, stored, strict=True) if image in name}
        pixels = training.stitch({name: pair[0] for name, pair in of_image.items()}, frame=mask.shape)
        assert (pixels == np.array(Image.open(PICTURES / f"{image}.png").convert("RGB"))).all()
    row = lines(cut)["harbor_r00040_c00096.png"]
    assert row["tile"] == {
        "image": "harbor.png",
        "frame": [120, 160],
        "window": [40, 96, 50, 64],
        "size": [50, 64],
        "overlap": 10,
    }
    assert (row["height"], row["width"]) == (50, 64)
    assert "source_name" not in row


def _pairs(folder: Path) -> tuple[tuple[str, ...], list[np.ndarray]]:
    masks = training.MaskDataset(PICTURES, folder)
    return masks.names, [mask for _, mask in masks]


def test_an_image_that_is_smaller_than_a_tile_has_a_smaller_one(tmp_path: Path) -> None:
    convert(wide(tmp_path / "s.json", "a.jpg"), tmp_path / "out", tile=(100, 4))
    assert [row["tile"]["window"] for row in lines(tmp_path / "out").values()] == [
        [0, 0, 6, 4], [0, 4, 6, 4], [0, 5, 6, 4],
    ]  # fmt: skip


def test_all_tiles_of_an_image_are_in_its_split(tmp_path: Path) -> None:
    """Also in a later run that adds images; the lists name the tiles."""
    names = [f"{n}.jpg" for n in range(9)]
    options: dict[str, Any] = {"tile": (4, 4), "split_ratio": "0.5,0.5", "to": "voc"}
    for where in (["[0-4]*"], ["*"]):
        convert(wide(tmp_path / "s.json", *names), tmp_path / "out", where=where, **options)
    convert(wide(tmp_path / "s.json", *names), tmp_path / "plain", split_ratio="0.5,0.5", to="voc")
    for split in ("train", "val"):
        of_images = (tmp_path / f"plain/ImageSets/Segmentation/{split}.txt").read_text().split()
        of_tiles = (tmp_path / f"out/ImageSets/Segmentation/{split}.txt").read_text().split()
        assert sorted({image_of(tile) for tile in of_tiles}) == of_images
        assert len(of_tiles) == 6 * len(of_images)


def test_a_second_run_and_workers_and_shards_give_the_same_files(tmp_path: Path) -> None:
    """And write nothing that is there already; an image counts as unchanged once."""
    convert(SAMPLE, tmp_path / "a", **TILES)
    again = convert(SAMPLE, tmp_path / "a", **TILES)
    assert (again.written, again.unchanged) == (0, 3)
    convert(SAMPLE, tmp_path / "b", workers=2, **TILES)
    for shard in ("1/2", "2/2"):
        convert(SAMPLE, tmp_path / "c", shard=shard, **TILES)
    assert tree(tmp_path / "a") == tree(tmp_path / "b") == tree(tmp_path / "c")


def test_the_report_counts_a_pixel_once(tmp_path: Path) -> None:
    """However many tiles show it."""
    whole, cut = convert(SAMPLE, tmp_path / "a"), convert(SAMPLE, tmp_path / "b", **TILES)
    for fact in ("labels", "painted", "conflict_pixels", "declared", "left_out"):
        assert getattr(whole, fact) == getattr(cut, fact)


def test_verify_and_compare_see_whole_images(tmp_path: Path) -> None:
    """Against the annotations, a pixel counts once; a split is known by either side."""
    out = tmp_path / "out"
    convert(SAMPLE, out, split_ratio="0.5,0.5", seed=3, **TILES)
    assert examine(out, source=SAMPLE).unchanged == 3
    score = compare(SAMPLE, out)
    assert (score.mean_iou, len(score.images)) == (1, 3)
    assert list(compare(SAMPLE, out, split="train").images) == ["meadow"]
    assert score.splits.keys() == {"train", "val"}
    assert len(stats(out, split="train").images) == 9
    mask = out / "masks" / "harbor_r00040_c00054.png"
    pixels = decode_png(mask.read_bytes())
    pixels[49, 63] ^= 3
    mask.write_bytes(encode_png(pixels))
    assert [failure.name for failure in examine(out).failures] == ["harbor_r00040_c00054.png"]
    (failure,) = examine(out, source=SAMPLE).failures
    assert "tiles that differ where they overlap" in failure.reason
    with pytest.raises(ProofError) as caught:
        verify(out, source=SAMPLE)
    assert f"{caught.value}; {caught.value.advice}".count("--overwrite") == 1
    mask.unlink()
    with pytest.raises(FormatError, match=r"harbor_r00040_c00054"):
        training.stitch(out, "harbor")


@pytest.mark.parametrize("truth", ["tiles", "annotations", "whole"])
def test_a_plain_folder_of_predicted_tiles_is_scored(tmp_path: Path, truth: str) -> None:
    """By their names, each pixel once: an overlap is cut in the middle; what lacks a tile is told."""
    cut, whole, plain = (tmp_path / name for name in ("cut", "whole", "plain"))
    convert(SAMPLE, cut, split_ratio="0.5,0.5", seed=3, **TILES)
    convert(SAMPLE, whole, split_ratio="0.5,0.5", seed=3)
    plain.mkdir()
    for mask in (cut / "masks").iterdir():
        (plain / mask.name).write_bytes(mask.read_bytes())
    pixels = decode_png((plain / "harbor_r00000_c00000.png").read_bytes()).copy()
    pixels[:, 59:] = 99  # beyond the middle of what two tiles share, which is columns 54 to 63
    (plain / "harbor_r00000_c00000.png").write_bytes(encode_png(pixels))
    against = {"tiles": cut, "annotations": SAMPLE, "whole": whole}[truth]
    score = compare(against, plain)
    assert (score.mean_iou, sorted(score.images)) == (1, ["empty", "harbor", "meadow"])
    assert compare(plain, against).mean_iou == 1
    if truth != "annotations":
        assert list(compare(against, plain, split="train").images) == ["meadow"]
    pixels[:, 58:] = 99
    (plain / "harbor_r00000_c00000.png").write_bytes(encode_png(pixels))
    assert compare(against, plain).differing_pixels == 45  # the rows that the tiles below do not share
    (plain / "harbor_r00000_c00000.png").unlink()
    (plain / "note.png").write_bytes(encode_png(pixels))
    score = compare(against, plain)
    assert [failure.name for failure in score.failures] == ["harbor"]
    assert "no tile at row 0, column 0" in score.failures[0].reason
    assert score.only_in_other == ("note",)


def test_tiles_of_different_annotations_make_no_whole(tmp_path: Path) -> None:
    """As where a run failed in the middle of an image."""
    out = tmp_path / "out"
    convert(wide(tmp_path / "s.json", "a.jpg"), out, tile=(6, 5))
    rows = list(lines(out).values())
    rows[0]["source_sha256"] = "0" * 64
    (out / MANIFEST).write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(FormatError, match="tiles of different annotations"):
        training.stitch(out)
    (out / MANIFEST).write_text(json.dumps(rows[1]) + "\n")
    with pytest.raises(FormatError, match="has no tile at row 0, column 0"):
        training.stitch(out)


def test_update_and_prune_follow_images_that_change_or_go(tmp_path: Path) -> None:
    """A smaller image leaves tiles behind, which are told, and removed with --prune."""
    out, path = tmp_path / "out", tmp_path / "s.json"
    convert(wide(path, "a.jpg", "b.jpg"), out, tile=(6, 4))
    assert len(lines(out)) == 6
    wide(path, "a.jpg", width=7)
    before = tree(out)
    with pytest.raises(InputError, match=r"2 tiles in .* of a.jpg, .* add --prune"):
        convert(path, out, tile=(6, 4), update=True)
    assert tree(out) == before
    report = convert(path, out, tile=(6, 4), update=True, prune=True)
    assert (report.failed, report.retracted) == (0, 5)
    assert list(lines(out)) == ["a_r00000_c00000.jpg", "a_r00000_c00003.jpg"]
    assert training.stitch(out).shape == (6, 7)
    mask = out / "masks/a_r00000_c00003.png"
    mask.write_bytes(encode_png(np.zeros((6, 4), np.uint8)))
    wide(path, "a.jpg", width=8)
    report = convert(path, out, tile=(6, 4), update=True, prune=True)
    assert "edited since polymask wrote it" in report.notes[0]


@pytest.mark.parametrize("other", [{}, {"tile": (3, 4)}, {"tile": (6, 4), "tile_overlap": 1}])
@pytest.mark.parametrize("more", [{}, {"overwrite": True}])
def test_other_tiles_do_not_mix(tmp_path: Path, other: dict[str, Any], more: dict[str, Any]) -> None:
    """Lists would name pixels twice: a folder has one --tile, or none."""
    path, out = wide(tmp_path / "s.json", "a.jpg"), tmp_path / "out"
    for first, second in (({"tile": (6, 4)}, other), (other, {"tile": (6, 4)})):
        convert(path, out, **first)
        before = tree(out)
        with pytest.raises(InputError, match="or of other tiles"):
            convert(path, out, **second, **more)
        assert tree(out) == before
        out = tmp_path / "second"


def test_names_that_collide_are_told_before_anything_is_written(tmp_path: Path) -> None:
    """An image with the name of a tile is none: its own tiles are named by it."""
    path = wide(tmp_path / "s.json", "a.jpg", "a_r00000_c00000.jpg")
    assert convert(path, tmp_path / "out", tile=(6, 9)).written == 2
    assert training.stitch(tmp_path / "out", "a_r00000_c00000.jpg").shape == (6, 9)
    with pytest.raises(InputError, match=r"'a\.jpg' and 'A\.jpg' would both be written"):
        convert(wide(path, "a.jpg", "A.jpg"), tmp_path / "other", tile=(6, 9))
    assert not (tmp_path / "other").exists()


def test_an_image_without_its_picture_fails_and_the_others_are_cut(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (9, 6), (1, 2, 3)).save(pictures / "a.png")
    Image.new("RGB", (8, 6), (1, 2, 3)).save(pictures / "b.png")
    path = wide(tmp_path / "s.json", "a.png", "b.png")
    report = convert(path, tmp_path / "out", tile=(6, 5), images=pictures, copy_images=True)
    assert [failure.name for failure in report.failures] == ["b.png"]
    assert "the picture is 6 × 8 px, its annotations are of 6 × 9" in report.failures[0].reason
    assert [image_of(name) for name in lines(tmp_path / "out")] == ["a.png", "a.png"]


def test_cut_pictures_are_upright_and_jpeg_on_demand(tmp_path: Path) -> None:
    """A picture that is turned by EXIF is cut as its mask lies."""
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    stored = Image.fromarray(np.arange(54, dtype=np.uint8).reshape(9, 6))
    turned = Image.Exif()
    turned[0x0112] = 8
    stored.save(pictures / "a.png", exif=turned)
    path = wide(tmp_path / "s.json", "a.png")
    convert(path, out, tile=(6, 5), images=pictures, copy_images=True)
    cut = {row["name"]: out / "images" / row["name"] for row in lines(out).values()}
    whole = training.stitch({name: np.array(Image.open(file)) for name, file in cut.items()})
    assert (whole == np.rot90(np.array(stored))).all()
    convert(path, tmp_path / "jpg", tile=(6, 5), images=pictures, copy_images=True, picture_format="jpg")
    assert sorted(p.name for p in (tmp_path / "jpg/images").iterdir()) == [
        "a_r00000_c00000.jpg", "a_r00000_c00004.jpg",
    ]  # fmt: skip


def test_remove_masks_takes_tiles_back(tmp_path: Path) -> None:
    convert(SAMPLE, tmp_path / "out", images=PICTURES, copy_images=True, **TILES)
    remove_masks(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.png"))


# what is refused


@pytest.mark.parametrize("layout", sorted(LAYOUTS.keys() - set(TILE_LAYOUTS)))
def test_other_layouts_have_no_tiles(tmp_path: Path, layout: str) -> None:
    with pytest.raises(InputError, match="--tile goes with --to index, voc, mmseg, yolo-semantic, hf, not"):
        convert(SAMPLE, tmp_path / "out", to=layout, tile=(8, 8))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tile_overlap": 4}, "add --tile WxH"),
        ({"tile": (8, 4), "tile_overlap": 4}, "make --tile-overlap 3 or less"),
        ({"tile": (8, 8), "delete_source": True}, "convert without --tile first"),
        ({"tile": (0, 8)}, "has no pixels"),
        ({"tile": (8, 8), "tile_overlap": -1}, "whole number, 0 or more"),
    ],
)
def test_tiles_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        convert(SAMPLE, tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tiles", "image", "words"),
    [
        ({"a": 1}, None, "'a' is not the name of a tile"),
        ({}, None, "tiles of 0 images"),
        ({"a_r00000_c00000": 1, "b_r00000_c00000": 1}, None, "tiles of 2 images; name an image"),
        ({"a_r00000_c00000": 1}, "b", "there are no tiles of b"),
        ({"a_r00000_c00000": 1, "a_r00003_c00003": 1}, None, "no tile at row 0, column 3"),
        ({"a_r00000_c00000": 1, "a_r00000_c00004": 1}, None, "gaps"),
        ({"a_r00001_c00000": 1}, None, "gaps"),
    ],
)
def test_tiles_that_make_no_whole_are_refused(tiles: dict[str, int], image: str | None, words: str) -> None:
    arrays = {name: np.full((3, 3), value) for name, value in tiles.items()}
    with pytest.raises(InputError, match=words):
        training.stitch(arrays, image)


def test_stitch_takes_each_pixel_from_the_nearer_tile() -> None:
    """Models err most at the edge of what they see; planes are stitched as masks are."""
    left, right = np.full((1, 6, 2), 1), np.full((1, 6, 2), 2)
    whole = training.stitch({"a_r00000_c00000": left, "a_r00000_c00004": right})
    assert whole[0, :, 0].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    with pytest.raises(InputError, match="not 1 × 12"):
        training.stitch({"a_r00000_c00000": left[..., 0]}, frame=(1, 12))
    with pytest.raises(InputError, match="another size than its neighbors"):
        training.stitch({"a_r00000_c00000": left, "a_r00000_c00004": right, "a_r00001_c00000": left,
                         "a_r00001_c00004": right[:, :2]})  # fmt: skip


def test_the_flags_are_those_of_the_library(tmp_path: Path, polymask_command: Run) -> None:
    """WxH, as --size; a dataset as DEST has no tiles."""
    flags = ["--tile", "64x50", "--tile-overlap", "10"]
    assert polymask_command("convert", SAMPLE, tmp_path, *flags).returncode == 0
    assert "harbor_r00040_c00054.png" in lines(tmp_path)
    with pytest.raises(InputError, match="--tile does not go with a dataset"):
        refuse_folder_options(ConvertOptions(tile=(8, 8)))


def test_a_slide_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    """Of a frame of 300 megapixels, tiles of 25 take some megabytes: they are made of spans."""
    images = [{"id": 1, "file_name": "a.tif", "height": 15_000, "width": 20_000}]
    rows = [{"id": 1, "image_id": 1, "category_id": 3, "segmentation": [square(100, 100, 14_000)]}]
    path = tmp_path / "s.json"
    path.write_text(json.dumps(coco(images=images, annotations=rows)))
    tracemalloc.start()
    report = convert(path, tmp_path / "out", tile=(5000, 5000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (report.written, len(lines(tmp_path / "out"))) == (1, 12)
    assert report.labels["cat"]["pixels"] == 14_000**2
    assert peak < 20 << 20


@pytest.mark.parametrize(
    ("first", "second"), [(np.uint8, np.int64), (bool, np.float32), (np.int64, np.float64)]
)
def test_tiles_of_several_types_keep_every_value(first: type, second: type) -> None:
    """A blank tile of small numbers does not cut off those of the others."""
    tiles = {
        "x_r00000_c00000": np.zeros((2, 2), first),
        "x_r00000_c00002": np.full((2, 2), 300.75).astype(second),
    }
    whole = training.stitch(tiles)
    assert (whole[:, 2:] == tiles["x_r00000_c00002"]).all()
    with pytest.raises(InputError, match="or other planes"):
        training.stitch({**tiles, "x_r00000_c00002": np.zeros((2, 2, 3), second)})
