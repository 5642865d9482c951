"""browser.py - a real Chromium for the tests of the console, driven as a person would

What a page may not do shows in its log: a breach of the content policy or an exception fails the test."""

import contextlib
import json

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--window-size=1440,1000",
         "--disable-dev-shm-usage"]


class Page:
    """One browser, no cookies of an earlier one; texts are found as people find them."""

    def __init__(self, address, lang):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in FLAGS + [f"--accept-lang={lang}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": lang})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.base = f"http://{address}"

    def open(self, path="/console/"):
        self.driver.get(self.base + path)

    def go(self, place):
        self.driver.execute_script("location.hash = arguments[0]", f"#/{place}")

    def until(self, fn, seconds=15):
        return WebDriverWait(self.driver, seconds, 0.05).until(lambda _: fn())

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sees(self, *texts):
        """All of these are to be read on the page, now or soon."""
        try:
            self.until(lambda: all(t in self.text() for t in texts))
        except Exception:
            raise AssertionError(f"not on the page: {[t for t in texts if t not in self.text()]}\n{self.text()}") from None

    def click(self, text, within="//body"):
        """The button, link or menu entry that says this.  Of two the last, which is in the window in front."""
        path = (f"{within}//*[self::button or self::a or @role='menuitem' or @role='tab' or @role='option']"
                f"[normalize-space()='{text}' or translate(normalize-space(), ' ', '')='{text}']")

        def press():
            found = [e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed() and e.is_enabled()]
            if not found:
                return False
            found[-1].click()
            return True
        self.until(lambda: self.quiet(press))

    def confirm(self, text):
        """The same of the window in front."""
        self.click(text, within="//div[contains(@class, 'ant-modal')]")

    @staticmethod
    def quiet(fn):
        """False while the page is being drawn again under our hands."""
        from selenium.common.exceptions import WebDriverException
        try:
            return fn()
        except WebDriverException:
            return False

    def fill(self, name, text):
        """The field of this name in the form in front."""
        field = self.until(lambda: next((e for e in reversed(self.driver.find_elements(By.ID, name)) if e.is_displayed()), None))
        field.send_keys(text)

    def fill_named(self, name, text):
        """A field of a page that is not ours."""
        self.until(lambda: next(iter(self.driver.find_elements(By.NAME, name)), None)).send_keys(text)

    def clear(self, name):
        from selenium.webdriver.common.keys import Keys
        self.driver.find_element(By.ID, name).send_keys(Keys.CONTROL + "a", Keys.DELETE)

    def choose(self, name, *options):
        """Entries of the list that opens at this field."""
        field = self.until(lambda: next((e for e in self.driver.find_elements(By.ID, name)), None))
        box = field.find_element(By.XPATH, "./ancestor::div[contains(concat(' ', @class, ' '), ' ant-select ')]")
        self.until(lambda: self.quiet(lambda: box.click() or True))
        for option in options:
            path = f"//div[contains(@class, 'ant-select-item-option') and @title='{option}']"

            def press():
                found = [e for e in self.driver.find_elements(By.XPATH, path) if e.is_displayed()]
                return bool(found) and (found[-1].click() or True)
            self.until(lambda: self.quiet(press))
        # The list goes away, so that it covers nothing.
        for title in self.driver.find_elements(By.CLASS_NAME, "ant-modal-title"):
            self.quiet(title.click)

    def part_is_there(self, name):
        return any(e.is_displayed() for e in self.driver.find_elements(By.ID, name))

    def forget(self):
        self.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
        self.driver.execute_script("localStorage.clear(); sessionStorage.clear(); location.hash = ''")

    def line(self, latency=0, offline=False):
        """Between the page and the node, from now on: milliseconds there and back, or nothing at all."""
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": -1})

    def part(self, testid):
        return self.until(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, f"[data-testid={testid}]")), None)).text

    def shot(self, path):
        self.driver.save_screenshot(str(path))

    def cookies(self):
        """With those that no script may read."""
        return {c["name"]: c for c in self.driver.execute_cdp_cmd("Network.getCookies", {"urls": [self.base + "/"]})["cookies"]}

    def complaints(self):
        """What the browser itself complained about, refusals of the API aside."""
        return [e["message"] for e in self.driver.get_log("browser")
                if e["level"] in ("SEVERE", "WARNING") and "Failed to load resource" not in e["message"]]

    def asked(self):
        """Addresses that the pages asked for since the last time."""
        sent = (json.loads(e["message"])["message"] for e in self.driver.get_log("performance"))
        return [m["params"]["request"]["url"] for m in sent if m["method"] == "Network.requestWillBeSent"]

    def close(self):
        self.driver.quit()


@contextlib.contextmanager
def browser(address, lang="zh-CN"):
    page = Page(address, lang)
    try:
        yield page
    finally:
        page.close()
