"""The page in a browser, as somebody uses it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import soundfile
from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

PATIENCE = 20.0
"""Seconds until what has not come is missed. A busy machine is no failure."""

DESK, PHONE = (1280, 900), (360, 740)
"""Pixels of a window."""


def start_browser(voice: Path) -> webdriver.Chrome:
    """Chromium without a window, whose microphone hears the file ``voice``.

    It reads the file anew at each recording. Raises FileNotFoundError where there is none.
    """
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        raise FileNotFoundError("install Debian's packages chromium and chromium-driver")
    options = Options()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={voice}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, Service(driver))


class Page:
    """base: the address of the service. patience: in seconds."""

    def __init__(self, driver: webdriver.Chrome, voice: Path) -> None:
        self.driver, self.voice = driver, voice
        self.base, self.patience = "", PATIENCE

    def open(self, base: str, task: str = "verify", size: tuple[int, int] = DESK) -> None:
        """The page of a service, at a task, by somebody who allows the microphone."""
        self.base = base
        self.microphone(allowed=True)
        self.devices(size=size)
        # From one task to another alone, nothing would be loaded.
        self.driver.get("about:blank")
        self.driver.get(f"{base}/#{task}")
        self.until(lambda: self.text("#health").startswith("Model"))

    def devices(self, size: tuple[int, int] = DESK, **preferences: str) -> None:
        """The window's size in pixels, and preferences by the names of CSS's media features."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": name.replace("_", "-"), "value": value} for name, value in preferences.items()
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def microphone(self, *, allowed: bool) -> None:
        permission = {"permission": {"name": "microphone"}}
        setting = {"setting": "granted" if allowed else "denied"}
        self.driver.execute_cdp_cmd("Browser.setPermission", permission | setting)

    def until(self, condition: Callable[[], Any]) -> Any:
        """What a condition gives once it is true. What is replaced while read is read anew."""
        replaced = [StaleElementReferenceException]
        waiting = WebDriverWait(self.driver, self.patience, 0.05, replaced)
        return waiting.until(lambda _: condition())

    def find(self, selector: str) -> WebElement:
        return self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))[0]

    def text(self, selector: str) -> str:
        """Words on one line."""
        return " ".join(self.find(selector).text.split())

    def texts(self, selector: str) -> list[str]:
        return [" ".join(each.text.split()) for each in self.all(selector)]

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def press(self, selector: str) -> None:
        self.find(selector).click()

    def fill(self, selector: str, text: str) -> None:
        self.find(selector).clear()
        self.find(selector).send_keys(text)

    def task(self, name: str) -> None:
        self.press(f"#{name}-tab")

    def choose(self, recorder: str, *files: Path) -> None:
        """Choose files, and wait until they are taken."""
        before = len(self.all(f"{recorder} .take"))
        several = self.find(recorder).get_attribute("data-several") is not None
        self.find(f"{recorder} input[type=file]").send_keys("\n".join(map(str, files)))
        wanted = before + len(files) if several else 1
        names = {file.name for file in files}
        self.until(
            lambda: (
                len(self.all(f"{recorder} .take")) == wanted
                and names <= set(self.texts(f"{recorder} .title bdi"))
            )
        )

    def drop(self, recorder: str, file: Path) -> None:
        """Drop a file, and wait until it is taken."""
        self.script(
            """const dropped = new DataTransfer();
            dropped.items.add(new File([Uint8Array.from(given[1])], given[2]));
            const event = new DragEvent("drop", { dataTransfer: dropped, cancelable: true });
            document.querySelector(given[0]).dispatchEvent(event);""",
            recorder,
            list(file.read_bytes()),
            file.name,
        )
        self.until(lambda: file.name in self.texts(f"{recorder} .title bdi"))

    def says(self, sound: tuple[Any, int]) -> None:
        """What the microphone hears from the next recording on."""
        soundfile.write(self.voice, *sound, subtype="PCM_16")

    def record(self, recorder: str, seconds: float) -> None:
        self.begin(recorder)
        self.hear(recorder, seconds)
        self.press(f"{recorder} .record")

    def begin(self, recorder: str) -> None:
        self.press(f"{recorder} .record")
        self.until(lambda: self.all(f"{recorder}.recording"))

    def hear(self, recorder: str, seconds: float) -> None:
        self.until(lambda: float(self.text(f"{recorder} .clock").removesuffix(" s")) >= seconds)

    def send(self, task: str) -> str:
        """Send a task's form; give what came of it."""
        self.press(f"#{task} button.primary")
        return self.answer(task)

    def answer(self, task: str) -> str:
        """What came of it, once the reader is brought there."""
        self.until(lambda: self.all(f"#{task} .card h3:focus"))
        return self.text(f"#{task} .card")

    def script(self, body: str, *arguments: Any) -> Any:
        """What an asynchronous function of the page gives."""
        return self.driver.execute_async_script(
            f"const done = arguments[arguments.length - 1];"
            f"(async (...given) => {{ {body} }})(...arguments).then(done, (e) => done(String(e)))",
            *arguments,
        )

    def requests(self) -> Iterator[str]:
        """Addresses asked for since the last call."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                yield message["params"]["request"]["url"]
            elif message["method"] == "Network.webSocketCreated":
                yield message["params"]["url"]

    def faults(self) -> list[tuple[str, str, str]]:
        """What axe-core finds against WCAG 2.1, A and AA; in dark colours, of contrast alone."""
        found = []
        for scheme, options in (("light", None), ("dark", {"runOnly": ["color-contrast"]})):
            self.devices(prefers_color_scheme=scheme)
            for each in Axe().run(self.driver, options=options)["violations"]:
                found += [(scheme, each["id"], node["html"][:100]) for node in each["nodes"]]
        return found

    def too_wide(self, size: tuple[int, int] = PHONE) -> list[str]:
        """What reaches beyond a window of that size sideways."""
        return self.driver.execute_script(
            """const [width] = arguments;
            const { documentElement } = document;
            return [...document.querySelectorAll("body *")].filter((each) => {
              const { right, width: own } = each.getBoundingClientRect();
              return own && right > width + 1 && !each.closest(".unseen");
            }).concat(documentElement.scrollWidth > width ? [documentElement] : [])
              .map((each) => each.outerHTML.slice(0, 80));""",
            size[0],
        )
