"""Chromium, driven by chromedriver: what a visitor sees and what the browser did."""

import json

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from .npm import package

QUIET = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage")


class Browser:
    """One window. `scripts=False` is a visitor who has switched them off."""

    def __init__(self, folder, width=1280, dark=False, scripts=True):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in (*QUIET, f"--user-data-dir={folder}"):
            options.add_argument(word)
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url):
        self.driver.get(url)
        return self

    def find(self, selector):
        return self.driver.find_elements("css selector", selector)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def wait_script(self, text, *arguments):
        """Runs a script that calls its last argument with the result."""
        return self.driver.execute_async_script(text, *arguments)

    def complaints(self):
        """What stands in the console, refused resources included."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requested(self):
        """The URLs that the page asked for since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]

    def violations(self):
        """What axe-core finds wrong, as lines."""
        self.script((package("axe-core", "4.10.3") / "axe.min.js").read_text())
        found = self.wait_script("const done = arguments[arguments.length - 1]; axe.run(document).then(done)")
        return [f"{v['id']}: {node['html']}" for v in found["violations"] for node in v["nodes"]]

    def close(self):
        self.driver.quit()
