"""Real browsers without a window, and what tests do with their pages."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
GECKODRIVER = shutil.which("geckodriver")

needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="no Chromium with its driver"
)
needs_firefox = pytest.mark.skipif(
    not (FIREFOX and GECKODRIVER), reason="no Firefox with its driver"
)
_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--window-size=1440,900"),
    "--autoplay-policy=no-user-gesture-required",
)


def chromium(folder: Path) -> Iterator[Any]:
    """Yield a Chromium that notes what its pages complain of, and what they ask for."""
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (*_ARGUMENTS, f"--user-data-dir={folder}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


def firefox(downloads: Path) -> Iterator[Any]:
    """Yield a Firefox that saves downloads into a folder without asking."""
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.FirefoxOptions()
    options.binary_location = FIREFOX
    options.add_argument("-headless")
    for name, value in {
        "browser.download.folderList": 2,
        "browser.download.dir": str(downloads),
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
    }.items():
        options.set_preference(name, value)
    driver = webdriver.Firefox(options=options, service=webdriver.FirefoxService(GECKODRIVER))
    yield driver
    driver.quit()


def requests(browser: Any) -> list[str]:
    """Return the addresses that Chromium was asked for since the last call."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        # what the page asked for that Chromium itself begins with may be told late
        and not message["params"]["documentURL"].startswith("chrome")
    ]


def until(condition: Callable[[], Any], tries: int = 400) -> Any:
    """Wait for something to be."""
    for _ in range(tries):
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


def find(page: Any, selector: str) -> Any:
    """Return an element."""
    return page.find_element("css selector", selector)


def texts(page: Any, selector: str) -> list[str]:
    """Return the texts of elements."""
    script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)"
    return list(page.execute_script(script, selector))


def names(page: Any) -> list[str]:
    """Return the speakers' names as the page shows them."""
    script = "return [...document.querySelectorAll('#speakers input')].map((one) => one.value)"
    return list(page.execute_script(script))


def edits(page: Any) -> list[dict[str, Any]]:
    """Return the corrections made in a page."""
    return list(page.execute_script("return edits"))


def press(page: Any, *keys: str) -> None:
    """Press keys, with nothing in focus."""
    from selenium.webdriver import ActionChains

    page.execute_script("document.activeElement.blur()")
    ActionChains(page).send_keys(*keys).perform()


def chord(page: Any, *keys: str) -> None:
    """Press keys together."""
    from selenium.webdriver import ActionChains

    actions = ActionChains(page)
    for key in keys[:-1]:
        actions.key_down(key)
    actions.send_keys(keys[-1])
    for key in keys[:-1]:
        actions.key_up(key)
    actions.perform()


def choose(page: Any, text: str) -> None:
    """Click an item of the menu that is open."""
    items = page.find_elements("css selector", "#menu button")
    found = {item.get_attribute("textContent"): item for item in items}
    assert any(shown.endswith(text) for shown in found), (text, list(found))
    next(item for shown, item in found.items() if shown.endswith(text)).click()


def rename(page: Any, place: int, name: str) -> None:
    """Type a name into a speaker's field."""
    page.execute_script(
        "const field = document.querySelectorAll('#speakers input')[arguments[0]];"
        "field.value = arguments[1]; field.dispatchEvent(new Event('change'));",
        place,
        name,
    )
