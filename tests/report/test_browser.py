"""The report in a real browser: what a person does with it, and that it asks nobody for anything."""

import itertools

import numpy as np
import pytest

from polymask import LabelMap, convert, index_mask, preview, read
from polymask.labels.palettes import safe_color
from tests.conftest import SAMPLE

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
LABELS = LabelMap.from_source(SAMPLE)
MASKS = {record.name: index_mask(record, LABELS) for record in read(SAMPLE)}


def hue(browser, x, y):
    """The color that is painted at a place of the stage."""
    browser.settled()
    return browser.js(
        "return [...document.getElementById('canvas').getContext('2d')"
        ".getImageData(arguments[0], arguments[1], 1, 1).data].slice(0, 3)", x, y
    )  # fmt: skip


def test_it_opens_from_disk_says_nothing_wrong_and_asks_for_nothing(browser, report):
    """No error and no warning in the console; every request is for the file itself or for data in it."""
    browser.open(report)
    for name in MASKS:
        browser.show(name)
    browser.log()
    assert [line for line in browser.console if "ERROR" in line.upper() or "file:" in line] == []
    asked = {url for url in browser.requests if not url.startswith(("data:", "chrome:", "chrome-"))}
    assert asked == {report.resolve().as_uri()}


@pytest.mark.parametrize("name", list(MASKS))
def test_every_pixel_value_read_in_the_page_is_the_masks(browser, report, name):
    """Through the canvas, to the last pixel, with and without contested pixels."""
    browser.open(report)
    browser.show(name)
    values = browser.js("return [...stage.scene.mask.values]")
    assert (np.array(values).reshape(MASKS[name].shape) == MASKS[name]).all()


def test_the_pixel_under_the_cursor_is_told(browser, report):
    """Column, row, value, label, and who claims it too."""
    browser.open(report)
    browser.show("harbor.png")
    row, column = np.argwhere(MASKS["harbor.png"] == LABELS.value_of("boat"))[0].tolist()
    browser.js(
        "const at = (i, from) => from + (arguments[i] + .5) * stage.scale;"
        "const { left, top } = document.getElementById('stage').getBoundingClientRect();"
        "document.getElementById('stage').dispatchEvent(new PointerEvent('pointermove', { bubbles: true,"
        " clientX: left + at(0, stage.x), clientY: top + at(1, stage.y) }))", column, row
    )  # fmt: skip
    told = browser.text("pixel")
    assert told.startswith(f"x {column}, y {row} · value {LABELS.value_of('boat')} · boat")


def test_the_slider_turns_the_mask_into_polygons(browser, report):
    """At 0 % the middle of the sea is the mask's color, at 100 % the picture shows through."""
    browser.open(report)
    browser.show("harbor.png")
    row, column = np.argwhere(MASKS["harbor.png"] == LABELS.value_of("sea"))[-200].tolist()
    x, y = browser.js(
        "return [stage.x + (arguments[0] + .5) * stage.scale, stage.y + (arguments[1] + .5) * stage.scale]",
        column, row,
    )  # fmt: skip
    seen = []
    for share in (0, 100):
        browser.js(
            "const s = document.getElementById('split'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('input'))", share
        )  # fmt: skip
        seen.append(hue(browser, x, y))
    assert max(abs(a - b) for a, b in zip(*seen, strict=True)) > 40


def test_the_opacity_shows_the_picture_below_the_mask(browser, report):
    """At 0 % the sea has the picture's color, at 100 % the label's own."""
    browser.open(report)
    browser.show("harbor.png")
    browser.js("setSplit(0)")
    row, column = np.argwhere(MASKS["harbor.png"] == LABELS.value_of("sea"))[-200].tolist()
    x, y = browser.js(
        "return [stage.x + (arguments[0] + .5) * stage.scale, stage.y + (arguments[1] + .5) * stage.scale]",
        column, row,
    )  # fmt: skip
    seen = {}
    for percent in (0, 100):
        browser.js(
            "const s = document.getElementById('opacity'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('input'))", percent
        )  # fmt: skip
        seen[percent] = hue(browser, x, y)
        assert browser.text("opacity-value") == f"{percent} %"
    assert seen[100] == list(safe_color(LABELS.names.index("sea")))
    assert max(abs(a - b) for a, b in zip(seen[0], seen[100], strict=True)) > 40


def test_the_divider_stays_in_sight_at_any_zoom(browser, report):
    """Zoomed into a corner, it is still where it can be grasped, and both sides are seen."""
    browser.open(report)
    browser.show("harbor.png")
    browser.js("for (let i = 0; i < 6; i++) zoomStage(1.5, 5, 5)")
    browser.settled()
    left, width = browser.js("return [parseFloat(document.getElementById('handle').style.left), box().width]")
    assert 0.4 * width < left < 0.6 * width


def test_masks_alone_are_described_without_instances(browser, tmp_path):
    """Neither card nor order speaks of what is not known."""
    convert(SAMPLE, tmp_path / "out")
    preview(tmp_path / "out", tmp_path / "r.html")
    browser.open(tmp_path / "r.html")
    card = "return [...document.querySelectorAll('.card')].find(c => c.shot.name === 'harbor').ariaLabel"
    assert browser.js(card) == "harbor: sea, boat, sun, flock"
    assert not browser.js("return document.querySelector('option[value=instances]')")
    assert browser.violations() == []


def test_a_label_that_is_switched_off_goes_from_mask_and_legend(browser, report):
    """And comes back; the switches of the gallery and of the viewer are one."""
    browser.open(report)
    browser.show("harbor.png")
    browser.js("setSplit(0)")
    row, column = np.argwhere(MASKS["harbor.png"] == LABELS.value_of("sea"))[-200].tolist()
    x, y = browser.js(
        "return [stage.x + (arguments[0] + .5) * stage.scale, stage.y + (arguments[1] + .5) * stage.scale]",
        column, row,
    )  # fmt: skip
    on = hue(browser, x, y)
    browser.js("document.querySelector('#viewer-labels .switch input').click()")
    off = hue(browser, x, y)
    assert on != off
    assert (
        browser.js("return [...document.querySelectorAll('#legend input')].filter(b => !b.checked).length")
        == 1
    )
    browser.js("document.getElementById('all').click()")
    assert hue(browser, x, y) == on


def test_keys_do_what_pointers_do(browser, report):
    """The stage has the focus when it opens; arrows move the cross, + zooms, N goes on, Esc closes."""
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    browser.show("harbor.png")
    browser.keys(Keys.ARROW_RIGHT)
    assert browser.text("pixel").startswith("x 80, y 60 · ")
    browser.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert browser.text("pixel").startswith("x 80, y 62 · ")
    before = browser.js("return stage.scale")
    browser.keys("+")
    assert browser.js("return stage.scale") == pytest.approx(before * 1.5)
    browser.keys("0")
    assert browser.js("return stage.scale") == pytest.approx(before)
    browser.keys("n")
    browser.wait("return document.getElementById('stage').dataset.ready === 'meadow.png'")
    browser.keys(Keys.ESCAPE)
    assert not browser.js("return document.getElementById('viewer').open")


def test_zooming_reaches_the_single_pixel(browser, report):
    """Sixty-four screen pixels each, with a grid; the pixel under the middle stays there."""
    browser.open(report)
    browser.show("harbor.png")
    middle = "return [(box().width / 2 - stage.x) / stage.scale, (box().height / 2 - stage.y) / stage.scale]"
    before = browser.js(middle)
    browser.js("for (let i = 0; i < 20; i++) document.getElementById('zoom-in').click()")
    assert browser.js("return stage.scale") == 64
    assert browser.js(middle) == pytest.approx(before)


def test_a_very_large_image_shows_every_pixel_of_its_mask_when_zoomed_in(browser, tmp_path, monkeypatch):
    """Reduced as a whole, tiles near by: each value under the cursor and each color is the mask's."""
    monkeypatch.setattr("polymask.report.shots.MOST_PIXELS", 160 * 120 - 1)
    monkeypatch.setattr("polymask.report.shots.SHOWN_PIXELS", 160 * 120 / 9)
    monkeypatch.setattr("polymask.report.shots.TILE", 32)
    preview(SAMPLE, tmp_path / "r.html")
    browser.open(tmp_path / "r.html")
    browser.show("harbor.png")
    assert "mask at 1 : 3, every pixel when you zoom in" in browser.text("viewer-size")
    every = (
        "[...Array(120 * 160).keys()].map((i) => valueAt(stage.scene.mask, stage.scene.shot.tiles,"
        " [i % 160, Math.floor(i / 160)]))"
    )
    browser.js(f"return {every}")
    browser.wait("return [...tilesKept.values()].every((tile) => tile.mask)")
    assert (np.array(browser.js(f"return {every}")).reshape(120, 160) == MASKS["harbor.png"]).all()
    browser.js("setSplit(0); setOpacity(100); zoomStage(4)")
    browser.settled()
    row, column = np.argwhere(MASKS["harbor.png"] == LABELS.value_of("boat"))[0].tolist()
    browser.js(
        "stage.x = 400 - arguments[0] * stage.scale; stage.y = 300 - arguments[1] * stage.scale;", column, row
    )
    for at in (row, row - 1):
        value = int(MASKS["harbor.png"][at, column])
        color = browser.js("return colorTable(255).get(arguments[0]) || null", value)
        x, y = browser.js("return [400 + stage.scale / 2, 300 + stage.scale * (arguments[0] + .5)]", at - row)
        browser.js("drawStage()")
        assert color is None or hue(browser, x, y) == color[:3], (at, value)


def test_search_order_and_label_choose_the_cards(browser, report):
    browser.open(report)
    names = "return [...document.querySelectorAll('.card')].map(c => c.shot.name)"
    assert browser.js(names) == ["harbor.png", "meadow.png", "empty.png"]
    choose = (
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event('input'))"
    )
    browser.js(choose, "order", "name")
    assert browser.js(names) == ["empty.png", "harbor.png", "meadow.png"]
    browser.js(choose, "search", "tree")
    assert browser.js(names) == ["meadow.png"]
    browser.js(choose, "search", "")
    browser.js(choose, "with-label", LABELS.names.index("boat"))
    assert browser.js(names) == ["harbor.png"]


def test_tabs_are_reached_with_arrows_and_conflicts_lead_to_their_image(browser, report):
    from selenium.webdriver.common.keys import Keys

    browser.open(report)
    browser.js("document.getElementById('tab-gallery').focus()")
    browser.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert browser.js("return document.activeElement.id") == "tab-conflicts"
    assert not browser.js("return document.getElementById('view-conflicts').hidden")
    browser.js("document.querySelector('#view-conflicts [data-shot]').click()")
    browser.wait("return document.getElementById('stage').dataset.ready === 'harbor.png'")
    assert browser.js("return document.getElementById('show-contested').checked && stage.contested")


def test_nothing_is_wider_than_a_phone(browser, report):
    """At 360 px no view scrolls sideways; wide tables scroll by themselves."""
    browser.open(report, width=360, height=740)
    for tab in ("gallery", "labels", "conflicts", "findings"):
        browser.js("document.getElementById(arguments[0]).click()", f"tab-{tab}")
        assert browser.js("return document.documentElement.scrollWidth") <= 360, tab
    browser.js("document.getElementById('tab-gallery').click()")
    browser.show("harbor.png")
    assert browser.js("return document.getElementById('stage').clientHeight") > 200


@pytest.mark.parametrize(("theme", "width"), list(itertools.product(["light", "dark"], [1280, 390])))
def test_axe_finds_nothing_in_any_view(browser, report, theme, width):
    """Contrast, names, roles, tab order and structure, in every tab and in the viewer."""
    browser.open(report, width=width, theme=theme)
    browser.js("document.getElementsByTagName('html')[0].style.setProperty('transition', 'none')")
    for tab in ("gallery", "labels", "conflicts", "findings"):
        browser.js("document.getElementById(arguments[0]).click()", f"tab-{tab}")
        assert browser.violations() == [], tab
    browser.js("document.getElementById('tab-gallery').click()")
    browser.show("harbor.png")
    assert browser.violations() == [], "viewer"


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """The report of a run that would change two masks."""
    folder = tmp_path_factory.mktemp("changes")
    convert(SAMPLE, folder / "out", overlap="first")
    convert(SAMPLE, folder / "out", preview=folder / "r.html", dry_run=True, overwrite=True, overlap="last")
    return folder / "r.html"


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_in_real_changes(browser, changes, theme, width):
    """In the tab with its totals and tables, and in the viewer with before and after."""
    browser.open(changes, width=width, theme=theme)
    browser.js("document.getElementsByTagName('html')[0].style.setProperty('transition', 'none')")
    browser.js("document.getElementById('tab-changes').click()")
    assert browser.violations() == [], "changes"
    browser.js("document.querySelector('#view-changes [data-shot]').click()")
    browser.wait("return document.getElementById('stage').dataset.ready === 'harbor.png'")
    assert browser.violations() == [], "viewer"


def test_hostile_names_stay_text(browser, coco_file, tmp_path):
    """A label or file name that looks like markup is shown, not run."""
    from polymask.report.html import preview
    from tests.conftest import coco

    nasty = "</script><img src=x onerror=document.title='broken'>"
    document = coco(categories=[{"id": 3, "name": nasty}, {"id": 7, "name": "{{ 7*7 }}"}])
    preview(coco_file(document), tmp_path / "r.html")
    browser.open(tmp_path / "r.html")
    browser.show("a.jpg")
    assert browser.driver.title == "instances.json – polymask"
    assert nasty in browser.js("return document.getElementById('legend').textContent")


def test_before_and_after_are_the_two_sides(browser, changes):
    """Left the stored mask, right the one that would be; the changes are a view of their own."""
    browser.open(changes)
    browser.js("document.getElementById('tab-changes').click()")
    assert "harbor.png" in browser.js("return document.getElementById('view-changes').innerText")
    browser.js("document.querySelector('#view-changes [data-shot]').click()")
    browser.wait("return document.getElementById('stage').dataset.ready === 'harbor.png'")
    changed = browser.js(
        "return stage.scene.mask.values.filter((v, i) => v !== stage.scene.before.values[i]).length"
    )
    first = index_mask(next(iter(read(SAMPLE))), LABELS, overlap="first")
    assert changed == (first != MASKS["harbor.png"]).sum()
