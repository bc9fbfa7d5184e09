"""A headless Chromium for tests: what is on the page, in the console and on the network."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
]  # fmt: skip
READY = (
    "const cards = document.querySelectorAll('.card');"
    "return document.readyState === 'complete' && (!cards.length || document.querySelector('.card.drawn'))"
)


class Browser:
    """A window that keeps what the console said and what was asked of the network."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.console: list[str] = []
        self.requests: list[str] = []

    def open(self, path: Path, *, width: int = 1280, height: int = 900, theme: str = "light") -> None:
        """Open a file, and wait until it is loaded and, if it is a report, a picture is drawn."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        self.size(width, height)
        self.driver.get(path.resolve().as_uri())
        self.wait(READY)

    def size(self, width: int, height: int) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, seconds: int = 20) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, seconds).until(lambda _: self.js(script))

    def show(self, name: str) -> None:
        """Open the viewer on an image by its card."""
        self.js(
            "[...document.querySelectorAll('.card')].find(c => c.shot.name === arguments[0]).click()", name
        )
        self.wait(f"return document.getElementById('stage').dataset.ready === {json.dumps(name)}")

    def text(self, element: str) -> str:
        return str(self.js("return document.getElementById(arguments[0]).textContent", element))

    def keys(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def settled(self) -> None:
        """Two frames later, so that what was asked for is painted."""
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )

    def violations(self, *, except_for: tuple[str, ...] = ()) -> list[str]:
        """What axe finds wrong with the page (contrast, names, roles, structure), except for some rules."""
        from axe_core_python.base import AXE_SCRIPT

        self.js(AXE_SCRIPT)
        self.settled()
        violations: list[str] = self.driver.execute_async_script(
            "const done = arguments[1];"
            "const rules = Object.fromEntries(arguments[0].map((rule) => [rule, {enabled: false}]));"
            "axe.run({rules}).then((r) => done(r.violations.map((v) =>"
            " `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120) + ' ' + n.failureSummary).join(' | ')}`)))",
            except_for,
        )
        return violations

    def log(self) -> None:
        """Fetch what was said and asked for since."""
        self.console += [entry["message"] for entry in self.driver.get_log("browser")]
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's chromium and chromium-driver; where they are missing, the tests fail and say so."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.fail("the browser tests need chromium: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as window:
        yield Browser(window)
