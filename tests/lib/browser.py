# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A headless Chromium (Debian's chromium and chromium-driver) with a profile of its own."""

import os
import shutil
import tempfile

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


class Browser:
    def __init__(self, width=1200, height=900, scheme=None):
        self.profile = tempfile.mkdtemp(prefix="lonja-chromium-")
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                         "--disable-background-networking", "--disable-sync", "--disable-component-update",
                         "--no-first-run", "--no-default-browser-check", f"--user-data-dir={self.profile}",
                         f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver", log_path=os.devnull))
        self.driver.set_page_load_timeout(120)
        self.driver.set_script_timeout(120)
        self.size(width, height)
        if scheme:
            self.scheme(scheme)

    def size(self, width, height):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def scheme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name}]})

    def errors(self):
        """What the console has complained of since the last question."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]

    def js(self, text, *args):
        return self.driver.execute_script(text, *args)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)
