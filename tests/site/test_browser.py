"""The built site in a real browser."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PAGES = (
    "", "converting", "preview", "recipes/airflow", "recipes/mmsegmentation",
    "recipes/tool-exports", "recipes/check-and-mend", "cli", "python", "layouts/voc", "trust",
)  # fmt: skip


THEME = ("landmark-unique",)  # zensical's menu names two of its parts alike


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_axe_finds_nothing_on_the_main_pages(browser, site, theme, width):
    """Contrast, names, roles and structure; wide things scroll by themselves."""
    browser.open(site / "index.html")
    browser.js("localStorage.clear()")  # the theme that an earlier visit chose
    for page in PAGES:
        browser.open(site / page / "index.html", theme=theme, width=width)
        assert browser.violations(except_for=THEME) == [], page
        assert browser.js("return document.documentElement.scrollWidth") <= width, page
