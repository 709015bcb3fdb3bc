"""The example's page in a headless Chromium, drawn on with the pointer."""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from local import packages
from tests.unit.examples.handwriting import Drawing, finer

ANSWER_SECONDS = 15.0
"""Longest wait for an answer: the page asks again for as long as none has come."""


@contextmanager
def chromium() -> Generator[Chrome]:
    """Debian's own browser and driver; with both named, selenium looks for none and downloads none."""
    if missing := packages.missing(packages.BROWSER):
        packages.install(missing, print)
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--window-size=1100,780", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's sandbox refuses root; it sees no page but ours
    browser = Chrome(options=options, service=ChromeService("/usr/bin/chromedriver"))
    try:
        yield browser
    finally:
        browser.quit()


class Page:
    """The page, as one who draws uses it."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self._browser: Any = browser  # selenium leaves parts of its types open
        browser.get(url)

    def text(self, name: str) -> str:
        """What an element shows; nothing where it is hidden."""
        return self._browser.find_element(By.ID, name).text

    def draw(self, drawing: Drawing) -> str:
        """Clear the pad, draw, and wait for the answer to the whole drawing: the digit it shows."""
        self._browser.find_element(By.ID, "clear").click()
        pad = self._browser.find_element(By.ID, "pad")
        unit = pad.size["height"] * 0.8 / 160
        for stroke in drawing:
            if stroke is not drawing[0]:
                self._lift()
            points = [(round((x - 50) * unit), round((y - 80) * unit)) for x, y in finer(stroke)]
            pointer = ActionChains(self._browser, duration=4)  # ms from point to point
            pointer.move_to_element_with_offset(pad, *points[0]).click_and_hold()
            for point in points[1:]:
                pointer.move_to_element_with_offset(pad, *point)
            pointer.perform()
        before = self._answers()  # answers to earlier strokes are none to the whole
        self._lift()
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._answers() == before:
            assert time.monotonic() < deadline, f"no answer within {ANSWER_SECONDS:.0f} s: {self.text('trouble')}"
            time.sleep(0.01)
        return self.text("digit")

    def tell(self, digit: int) -> str:
        """Say which digit was meant by clicking it: what the page says to that."""
        before = self.text("told")
        self._browser.find_elements(By.CSS_SELECTOR, "#bars b")[digit].click()
        deadline = time.monotonic() + ANSWER_SECONDS
        while self.text("told") == before:
            assert time.monotonic() < deadline, f"no word within {ANSWER_SECONDS:.0f} s after {before!r}"
            time.sleep(0.01)
        return self.text("told")

    def shown_ms(self) -> float:
        """From the end of the last stroke to the answer in the page, by the page's own clock."""
        return float(self._data("shownMs"))

    def percent(self) -> list[str]:
        """What stands beside the ten bars."""
        return [item.text for item in self._browser.find_elements(By.CSS_SELECTOR, "#bars i")]

    def problems(self) -> list[str]:
        """What the browser complained of: errors of the script, violations of the policy, failed requests."""
        return [entry["message"] for entry in self._browser.get_log("browser")]

    def _lift(self) -> None:
        ActionChains(self._browser, duration=0).release().perform()

    def _answers(self) -> int:
        return int(self._data("answers"))

    def _data(self, name: str) -> str:
        return str(self._browser.execute_script("return document.body.dataset[arguments[0]] || '0'", name))
