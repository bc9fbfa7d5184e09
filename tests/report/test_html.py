"""The report's file: what it holds, what it leaves out, and that it is the same on every run."""

import json
import re
import shutil
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from polymask import InputError, LabelMap, NotFound, convert, index_mask, read
from polymask.codecs import pixels
from polymask.codecs.png import decode_color, decode_png
from polymask.report import survey
from polymask.report.html import preview
from polymask.report.sample import choose
from polymask.report.shots import mask_png, size_of, within
from polymask.report.survey import ImageFacts
from polymask.wording import counted
from tests.conftest import SAMPLE, coco, square


def data_of(path):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(), re.S)
    return json.loads(text[1])


def many(count, side=40):
    """Images of which the first has a label of its own and the last a conflict."""
    images = [{"id": n, "file_name": f"{n:03}.jpg", "height": side, "width": side} for n in range(count)]
    annotations = [
        {"id": n, "image_id": n, "category_id": 3 if n else 7, "segmentation": [square(1, 1, 3)]}
        for n in range(count)
    ]
    last = {"id": count, "image_id": count - 1, "category_id": 7, "segmentation": [square(2, 2, 3)]}
    return coco(images=images, annotations=[*annotations, last])


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for workers in (1, 2):
        preview(SAMPLE, tmp_path / f"{workers}.html", workers=workers)
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


def test_it_holds_everything_and_names_no_address(tmp_path):
    """Every source is data or this document; a policy forbids the rest."""
    preview(SAMPLE, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    sources = re.findall(
        r"""(?:src|href)=["']([^"']*)""", re.sub(r"<script.*?</script>", "", text, flags=re.S)
    )
    assert all(source.startswith(("#", "data:")) for source in sources)
    assert "http" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.S).replace(
        "http-equiv", ""
    )
    assert "default-src 'none'" in text


@pytest.mark.parametrize("deep", [False, True])
def test_a_mask_can_be_read_back_from_its_png(deep):
    """Gray where 8 bits hold it; else red and green, with contested pixels in blue."""
    mask = np.array([[0, 1, 255], [7, 300 if deep else 9, 0]], np.uint16 if deep else np.uint8)
    contested = np.array([[0, 1, 0], [0, 0, 1]], bool)
    colors = decode_color(mask_png(mask, contested)).astype(int)
    assert (colors[..., 0] + 256 * colors[..., 1] == mask).all()
    assert (colors[..., 2] == contested).all()
    if not deep:
        assert (decode_png(mask_png(mask, None)) == mask).all()


def test_annotations_masks_or_both(tmp_path):
    """Masks alone have no instances; both tell where the stored mask is another one."""
    convert(SAMPLE, tmp_path / "out", overlap="first")
    pictures = SAMPLE.parent / "images"
    alone = preview(tmp_path / "out", tmp_path / "a.html", images=pictures)
    assert (len(alone.shots), alone.pictures, alone.counts_instances) == (3, 3, False)
    both = preview([tmp_path / "out", SAMPLE], tmp_path / "b.html")
    assert {one.name: one.differing > 0 for one in both.facts} == {
        "harbor.png": True, "meadow.png": True, "empty.png": False,
    }  # fmt: skip
    shots = {shot["name"]: shot for shot in data_of(tmp_path / "b.html")["shots"]}
    assert len(shots["harbor.png"]["shapes"]) == 6


def test_two_of_a_kind_and_what_is_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match="at most one set of annotations"):
        preview([SAMPLE, SAMPLE], tmp_path / "r.html")
    with pytest.raises(NotFound, match=r"none\.json"):
        preview("none.json", tmp_path / "r.html")
    with pytest.raises(InputError, match="leaves no room"):
        preview(SAMPLE, tmp_path / "r.html", max_mb=0.01)
    assert not (tmp_path / "r.html").exists()


def test_too_many_images_are_sampled_and_all_are_counted(coco_file, tmp_path):
    """The conflict and the rare label are among the six; another run takes the same."""
    made = preview(coco_file(many(40)), tmp_path / "r.html", limit=6)
    names = [shot["name"] for shot in made.shots]
    assert len(names) == 6
    assert {"000.jpg", "039.jpg"} <= set(names)
    assert len(made.facts) == 40
    again = preview(coco_file(many(40)), tmp_path / "again.html", limit=6)
    assert names == [shot["name"] for shot in again.shots]
    assert "6 of 40 images are shown" in (tmp_path / "r.html").read_text()


def test_a_sample_takes_a_third_of_each_kind():
    facts = [ImageFacts(f"{n}", contested=n, pixels={"cat": 1} if n % 7 else {"dog": 1}) for n in range(100)]
    chosen = choose(facts, 30)
    kinds = [why.partition(":")[0] for why in chosen.values()]
    assert [kinds.count(kind) for kind in ("conflict", "rare", "random")] == [10, 10, 10]
    assert {n for n, why in chosen.items() if why == "conflict"} == set(range(90, 100))
    assert set(kinds[:3]) == {"conflict", "rare", "random"}


def test_the_file_stays_below_its_size(coco_file, tmp_path):
    """Pictures get smaller first; what does not fit then is left out and counted."""
    (tmp_path / "pictures").mkdir()
    rng = np.random.default_rng(0)
    for n in range(12):
        noise = rng.integers(0, 255, (400, 400, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"pictures/{n:03}.jpg", quality=95)
    source = coco_file(many(12, side=400))
    for size in (0.3, 1.0):
        made = preview(source, tmp_path / "r.html", images=tmp_path / "pictures", max_mb=size)
        assert (tmp_path / "r.html").stat().st_size <= size * 1e6
        assert (len(made.shots), made.pictures) == (12, 12)


def test_few_pictures_are_large_enough_to_zoom_into(coco_file, tmp_path):
    """One alone is shown up to 4,096 px long, one of four up to 1,600."""
    (tmp_path / "pictures").mkdir()
    for n in range(4):
        Image.new("RGB", (5000, 50)).save(tmp_path / f"pictures/{n:03}.jpg")
    document = many(4)
    for image in document["images"]:
        image |= {"width": 5000, "height": 50}
    widths = {}
    for limit in (1, 4):
        made = preview(coco_file(document), tmp_path / "r.html", images=tmp_path / "pictures", limit=limit)
        uri = made.shots[0]["picture"].partition(",")[2]
        widths[limit] = Image.open(BytesIO(b64decode(uri))).width
    assert widths == {1: 4096, 4: 1600}


def test_labels_conflicts_and_findings_are_told(tmp_path):
    preview(SAMPLE, tmp_path / "r.html")
    text = re.sub(r"<[^>]+>", " ", (tmp_path / "r.html").read_text())
    text = re.sub(r"\s+", " ", text)
    assert "sea boat 1,109" in text
    assert "harbor.png 1,109 5.78 % sea / boat 1,109" in text
    preview("fixtures/odd/instances.json", tmp_path / "odd.html")
    assert "ring 0 crosses itself" in (tmp_path / "odd.html").read_text()


def test_an_image_that_cannot_be_shown_is_listed_and_the_others_are_shown(tmp_path):
    convert(SAMPLE, tmp_path / "out")
    (tmp_path / "out/masks/meadow.png").write_bytes(b"no PNG")
    made = preview([SAMPLE, tmp_path / "out"], tmp_path / "r.html")
    assert len(made.shots) == 2
    assert "meadow" in made.notes[0]


def test_before_and_after_of_a_local_run(tmp_path):
    """New masks, changed ones, and none where all is there; nothing is written but the page."""
    page = tmp_path / "r.html"
    convert(SAMPLE, tmp_path / "out", preview=page, dry_run=True)
    assert not (tmp_path / "out").exists()
    assert [shot["changes"] for shot in data_of(page)["shots"]] == [["a new mask"]] * 3
    convert(SAMPLE, tmp_path / "out")
    convert(SAMPLE, tmp_path / "out", preview=page, dry_run=True)
    assert "every mask is there already" in page.read_text()
    convert(SAMPLE, tmp_path / "out", preview=page, dry_run=True, overwrite=True, overlap="first")
    changes = {shot["name"]: shot["changes"] for shot in data_of(page)["shots"]}
    assert changes["harbor.png"] == changes["meadow.png"] == ["the mask changes"]
    assert changes["empty.png"] == []


def test_a_preview_of_changes_is_for_dry_runs(tmp_path):
    with pytest.raises(InputError, match="add --dry-run"):
        convert(SAMPLE, tmp_path / "out", preview=tmp_path / "r.html")


def test_images_too_large_for_a_canvas_are_shown_reduced(tmp_path, monkeypatch):
    """One of 160 × 120 px at 1 : 3, with its mask, its shapes and its picture; all pixels are counted."""
    whole = preview(SAMPLE, tmp_path / "whole.html")
    monkeypatch.setattr("polymask.report.shots.MOST_PIXELS", 160 * 120 - 1)
    monkeypatch.setattr("polymask.report.shots.SHOWN_PIXELS", 160 * 120 / 9)
    made = preview(SAMPLE, tmp_path / "r.html")
    assert made.facts == whole.facts
    assert [large(shot) for shot in made.shots] == [((120, 160), 3, (54, 40))] * 3
    assert made.pictures == 3
    convert(SAMPLE, tmp_path / "out")
    both = preview([tmp_path / "out", SAMPLE], tmp_path / "b.html")
    alone = preview(tmp_path / "out", tmp_path / "a.html")
    assert [large(shot) for shot in (*both.shots, *alone.shots)] == [((120, 160), 3, (54, 40))] * 6
    polygons = [
        [shape for shape in shot["shapes"] if shape[1] != "110"] for shot in (made.shots[0], whole.shots[0])
    ]
    assert polygons[0] == polygons[1]  # at full size; 110 is a bitmap, whose outline is of the reduced


def large(shot):
    """The frame of a shot, the step of its reduced mask, and that mask's width and height."""
    png = b64decode(shot["mask"].partition(",")[2])
    return (shot["h"], shot["w"]), shot["step"], Image.open(BytesIO(png)).size


def whole_mask(tiles, frame):
    """The mask that tiles hold, read as a page's script reads them."""
    columns = -(-frame[1] // tiles["side"])
    rows = [tiles["images"][at : at + columns] for at in range(0, len(tiles["images"]), columns)]
    mask = np.zeros(frame, int)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            part = np.s_[row * tiles["side"] :, column * tiles["side"] :]
            area = mask[part][: tiles["side"], : tiles["side"]]
            if isinstance(image, int):
                area[:] = image
            else:
                area[:] = decode_color(b64decode(image.partition(",")[2]))[..., 0]
    return mask


@pytest.fixture
def _reduced_in_tiles(monkeypatch):
    """Every image counts as too large for a canvas; its tiles have 32 px."""
    monkeypatch.setattr("polymask.report.shots.MOST_PIXELS", 160 * 120 - 1)
    monkeypatch.setattr("polymask.report.shots.SHOWN_PIXELS", 160 * 120 / 9)
    monkeypatch.setattr("polymask.report.shots.TILE", 32)


@pytest.mark.usefixtures("_reduced_in_tiles")
def test_the_tiles_of_a_reduced_image_hold_its_mask_to_the_pixel(tmp_path):
    """Of annotations, of stored masks, and before and after a run; tiles without a border are a number."""
    masks = {record.name: index_mask(record, LabelMap.from_source(SAMPLE)) for record in read(SAMPLE)}
    convert(SAMPLE, tmp_path / "first", overlap="first")
    first = {stem: decode_png((tmp_path / f"first/masks/{stem}.png").read_bytes()) for stem in ("harbor",)}
    for shot in preview(SAMPLE, tmp_path / "r.html").shots:
        assert (whole_mask(shot["tiles"], (120, 160)) == masks[shot["name"]]).all()
        assert all(isinstance(image, int) for image in shot["tiles"]["images"]) == (
            shot["name"] == "empty.png"
        )
    stored = next(s for s in preview(tmp_path / "first", tmp_path / "m.html").shots if s["name"] == "harbor")
    assert (whole_mask(stored["tiles"], (120, 160)) == first["harbor"]).all()
    convert(SAMPLE, tmp_path / "first", preview=tmp_path / "c.html", dry_run=True, overwrite=True)
    changed = next(s for s in data_of(tmp_path / "c.html")["shots"] if s["name"] == "harbor.png")
    assert (whole_mask(changed["tilesBefore"], (120, 160)) == first["harbor"]).all()
    assert (whole_mask(changed["tiles"], (120, 160)) == masks["harbor.png"]).all()


@pytest.mark.usefixtures("_reduced_in_tiles")
def test_no_full_mask_is_made_for_tiles(tmp_path, monkeypatch):
    """They are cut from spans: no array is larger than a tile or the reduced mask."""
    made = []
    whole = survey.fill
    monkeypatch.setattr(survey, "fill", lambda *of: made.append(whole(*of)) or made[-1])
    preview(SAMPLE, tmp_path / "r.html")
    assert max(mask.size for mask in made) == 32 * 32


@pytest.mark.usefixtures("_reduced_in_tiles")
def test_tiles_never_displace_an_image_and_are_left_out_whole():
    """Images first; then the tiles of those whose tiles fit."""
    small = {"shapes": [], "mask": "x" * 1000, "tiles": {"size": 500}}
    large = small | {"tiles": {"size": 50_000}}
    fitting = within([large, small, small], 3 * 1400 + 999)
    assert [shot.get("tiles") for shot in fitting] == [None, {"size": 500}, None]
    assert sum(map(size_of, fitting)) <= 3 * 1400 + 999


def test_facts_of_large_frames_are_those_of_small_ones(tmp_path, monkeypatch):
    """Counted in blocks."""
    convert(SAMPLE, tmp_path / "out", overlap="first")
    whole = preview([tmp_path / "out", SAMPLE], tmp_path / "whole.html").facts
    monkeypatch.setattr("polymask.report.survey._BLOCK", 1000)
    assert preview([tmp_path / "out", SAMPLE], tmp_path / "strips.html").facts == whole


def test_a_picture_that_cannot_be_shown_is_told(tmp_path, monkeypatch):
    """Damaged, or too large for a kind that is decoded whole; its mask is on gray."""
    pictures = shutil.copytree(SAMPLE.parent / "images", tmp_path / "images")
    (pictures / "harbor.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    made = preview(SAMPLE, tmp_path / "r.html", images=pictures)
    assert (made.pictures, len(made.unshown)) == (2, 1)
    assert "1 picture could not be shown" in (tmp_path / "r.html").read_text()
    monkeypatch.setattr("polymask.codecs.pixels.MOST_DECODED", 160 * 120 - 1)
    large = preview(SAMPLE, tmp_path / "r.html", images=pictures)
    assert large.pictures == 0
    assert any("160 × 120 px are too many for a PNG picture" in reason for reason in large.unshown)


def test_a_large_jpeg_is_reduced_while_it_is_read(tmp_path, monkeypatch):
    """A picture that Pillow takes for a bomb is decoded at an eighth; turned ones are upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.new("L", (12_000, 8_000), 90) as large:
        large.paste(250, (0, 0, 6_000, 8_000))
        large.save(tmp_path / "a.jpg", exif=exif, quality=20)
    decoded = []
    smaller = pixels._smaller
    monkeypatch.setattr(
        pixels, "_smaller", lambda picture, side: decoded.append(picture.size) or smaller(picture, side)
    )
    with (tmp_path / "a.jpg").open("rb") as source:
        small = pixels.reduced(source, (12_000, 8_000), 300)
    assert (small.size, small.mode, decoded) == ((200, 300), "RGB", [(1500, 1000)])
    assert small.getpixel((100, 20))[0] > 240
    assert small.getpixel((100, 280))[0] < 100


def test_bars_are_as_long_as_their_shares(coco_file, tmp_path):
    """12 px of 48 are a quarter of the track, whatever the largest label has."""
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [[0, 0, 6, 0, 6, 6, 0, 6]]},
        {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [[6, 0, 8, 0, 8, 6, 6, 6]]},
    ]
    preview(coco_file(annotations=annotations), tmp_path / "r.html")
    widths = re.findall(
        r'class="track".*?class="bar" style="width:([\d.]+)%', (tmp_path / "r.html").read_text()
    )
    assert widths == ["75.00", "25.00"]


def test_what_is_not_painted_is_among_the_findings(coco_file, tmp_path):
    """Boxes that have no segmentation, by reason."""
    box = {"id": 1, "image_id": 1, "category_id": 3, "segmentation": [], "bbox": [1, 1, 2, 2]}
    made = preview(coco_file(annotations=[box]), tmp_path / "r.html")
    assert [finding.kind for finding in made.findings] == ["not-painted", "nothing-painted"]


def words_of(path):
    """The page's text, without markup, scripts and data."""
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", path.read_text(), flags=re.S)
    return re.sub(r"\s+", " ", text)


def test_conflict_bars_are_shares_of_all_lost_pixels_with_their_figures(tmp_path):
    """1,109 and 7 of 1,116: linear, however small."""
    preview(SAMPLE, tmp_path / "r.html")
    widths = re.findall(r'class="bar warn" style="width:([\d.]+)%', (tmp_path / "r.html").read_text())
    assert widths == ["99.37", "0.63"]
    assert "boat 1,109 99.37 %" in words_of(tmp_path / "r.html")


def test_masks_alone_do_not_tell_instances_conflicts_or_findings(tmp_path):
    """These are unknown, which is not nothing; beside annotations they are told."""
    convert(SAMPLE, tmp_path / "out")
    preview(tmp_path / "out", tmp_path / "masks.html")
    words = words_of(tmp_path / "masks.html")
    for tile in ("Instances unknown", "Contested unknown", "Findings unknown"):
        assert tile in words
    assert "Conflicts ?" in words
    assert "sea 1 unknown 1 6,239" in words
    assert data_of(tmp_path / "masks.html")["counted"] is False
    preview([tmp_path / "out", SAMPLE], tmp_path / "both.html")
    assert "unknown" not in words_of(tmp_path / "both.html").lower()


def test_the_changes_have_totals(tmp_path):
    """Images and pixels, in all and by kind of change."""
    convert(SAMPLE, tmp_path / "out")
    page = tmp_path / "r.html"
    convert(SAMPLE, tmp_path / "out", preview=page, dry_run=True, overwrite=True, overlap="first")
    words = words_of(page)
    assert "2 images of 3 would change, in 1,116 pixels (1.94 % of all)." in words
    assert "masks that change 2 2 66.67 %" in words


def test_single_things_are_in_the_singular(coco_file, tmp_path):
    """One image, one finding of one kind, one contested image."""
    twice = [
        {"id": n, "image_id": 1, "category_id": (n and 7) or 3, "segmentation": [square(1, 1, 3)]}
        for n in (0, 1)
    ]
    box = {"id": 5, "image_id": 1, "category_id": 3, "segmentation": [], "bbox": [1, 1, 2, 2]}
    preview(coco_file(annotations=[*twice, box]), tmp_path / "r.html")
    words = words_of(tmp_path / "r.html")
    assert "in 1 image " in words
    assert "of 1 kind " in words
    assert not re.search(r"\b1 (images|kinds|findings|labels|pictures|instances)\b", words)


@pytest.mark.parametrize("labels_file", [True, False])
def test_labels_that_the_map_does_not_know_are_listed(tmp_path, labels_file, polymask_command):
    """Of a labels file or of the masks beside: the page is written without them, and says so."""
    document = coco()
    label = document["categories"][0]["name"]
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "labels.txt").write_text(f"{label}\n")
    unknown = {category["name"] for category in document["categories"][1:]}
    options = {"labels": tmp_path / "labels.txt"}
    sources = [tmp_path / "a.json"]
    if not labels_file:
        convert(tmp_path / "a.json", tmp_path / "masks", skip_invalid=True, **options)
        sources, options = [*sources, tmp_path / "masks"], {}
    report = preview(sources, tmp_path / "report.html", **options)
    told = [finding.message for finding in report.findings if "not in the label map" in finding.message]
    assert unknown
    assert all(any(f"'{name}'" in message for message in told) for name in unknown)
    flags = ["--labels", options["labels"]] if options else []
    done = polymask_command("preview", *sources, *flags, "-o", tmp_path / "again.html")
    assert done.returncode == 0
    assert f", {counted(len(report.findings), 'finding')} → " in done.stdout
