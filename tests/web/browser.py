"""A headless Chromium behind chromedriver: WebDriver is HTTP and JSON, so http.client is enough.

Page scripts run by `run` see the page's own objects; the page's content security policy stays in
force for everything that the page does itself."""
import base64
import http.client
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

TIMEOUT = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER, TAB, SPACE, ESCAPE = "\ue007", "\ue004", " ", "\ue00c"
LEFT, RIGHT, HOME, END = "\ue012", "\ue014", "\ue011", "\ue010"
SHIFT = "\ue008"

# What a page that is not finished yet answers: a part is drawn a moment after the event that asks for it.
NOT_YET = ("no such element", "element not interactable", "element click intercepted", "stale element reference")


class BrowserError(Exception):
    pass


def is_installed():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    """One browser in a profile of its own; close() ends it."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, env={**os.environ, "TMPDIR": self.folder.name})
        self.port = self.read_port()
        options = ["--headless=new", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
                   "--disable-background-networking", "--disable-component-update",
                   "--force-device-scale-factor=1", f"--user-data-dir={self.folder.name}/profile"]
        if os.getuid() == 0:
            options.append("--no-sandbox")
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": options, "binary": shutil.which("chromium"), "prefs": {
                "download.default_directory": self.folder.name}},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self.base = ""
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.base = "/session/" + answer["sessionId"]

    def read_port(self):
        for line in self.process.stdout:
            match = re.search(r"started successfully on port (\d+)", line)
            if match:
                return int(match.group(1))
        raise BrowserError("chromedriver did not start")

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request(method, self.base + path, json.dumps(body or {}) if method == "POST" else None,
                           {"Content-Type": "application/json"})
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value and "stacktrace" in value:
            raise BrowserError(f"{value['error']}: {value['message']}")
        return value

    def close(self):
        try:
            self.call("DELETE", "")
        except (BrowserError, OSError, ValueError):
            pass
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT)
        self.process.stdout.close()
        self.folder.cleanup()

    # ---- pages ----

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a script's `return`."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        """Until a script's expression is truthy; its value."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            value = self.run(f"return {script};", *arguments)
            if value:
                return value
            time.sleep(0.05)
        raise BrowserError(f"never came true: {script}")

    def wait_text(self, selector, text):
        try:
            self.wait("(document.querySelector(arguments[0])?.textContent || '').includes(arguments[1])",
                      selector, text)
        except BrowserError as error:
            raise BrowserError(f"{selector} is {self.text(selector)!r}, expected {text!r}") from error

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? null;", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((n) => n.textContent);",
                        selector)

    def act(self, selector, action, body=None):
        """Does something to an element as soon as it is there and can be reached."""
        end = time.monotonic() + TIMEOUT
        while True:
            try:
                element = self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
                return self.call("POST", f"/element/{element}/{action}", body)
            except BrowserError as error:
                if not str(error).startswith(NOT_YET) or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def click(self, selector):
        self.act(selector, "click")

    def type(self, selector, text):
        """Into a field; into a file input it is a path, several with line ends between."""
        self.act(selector, "value", {"text": text})

    def press(self, *keys):
        """Keys to whatever has the focus, one after the other."""
        actions = []
        for key in keys:
            actions += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def press_until(self, key, script, limit=60):
        """Presses a key until a script's expression is truthy."""
        for _ in range(limit):
            self.press(key)
            if self.run(f"return {script};"):
                return
        raise BrowserError(f"{limit} keys, and not yet {script}")

    # ---- the world around the page ----

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def set_size(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=mobile)

    def set_dark(self, dark):
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def set_offline(self, offline):
        self.devtools("Network.enable")
        self.devtools("Network.emulateNetworkConditions", offline=offline, latency=0,
                      downloadThroughput=-1, uploadThroughput=-1)

    def allow_downloads(self, folder):
        self.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)

    def screenshot(self, path, whole=True):
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def console(self):
        """What the console said since the last call, refused loads and policy violations included."""
        return self.call("POST", "/se/log", {"type": "browser"})

    def requested(self):
        """The URLs that were requested since the last call."""
        urls = []
        for entry in self.call("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(message["params"]["request"]["url"])
        return urls
