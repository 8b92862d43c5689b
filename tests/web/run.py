#!/usr/bin/env python3
"""Browser tests of the pages: run.py BUILD_FOLDER CASE.py

CASE has functions `test_WHAT(web)`; each gets the pages of one running server, opened afresh, with
the edge (edge.py) passing everything on, in light colours and on a desktop.
Standard library only.  Exit status 1 on a failure, 77 when there is no program or no browser."""
import contextlib
import importlib.util
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "cases")]

from browser import Browser, BrowserError, is_installed  # noqa: E402
from edge import Edge  # noqa: E402
from run_server import Failure, Server, check  # noqa: E402


class Web:
    """What a test holds: the server, the edge before it, the browser."""

    def __init__(self, build, folder, server, edge, browser):
        self.build, self.folder = build, folder
        self.server, self.edge, self.browser = server, edge, browser

    def reset(self):
        self.edge.answers.clear()
        self.edge.requests.clear()
        self.browser.set_offline(False)
        self.browser.set_dark(False)
        self.browser.set_size(1280, 860)
        self.open("/")
        self.browser.run("localStorage.clear(); sessionStorage.clear();")
        self.browser.console()
        self.browser.requested()

    @contextlib.contextmanager
    def serve(self, *options):
        """The pages of another server, with other options, for as long as the block lasts."""
        before = self.server, self.edge
        self.server = Server(self.build, self.folder, *options)
        self.edge = Edge(self.server.port)
        try:
            yield
        finally:
            self.open("/")
            self.edge.close()
            status = self.server.stop()
            self.server, self.edge = before
        check(status == 0, f"the server ended with status {status}")

    def open(self, path):
        self.browser.open(self.edge.url + path)
        self.browser.wait("document.querySelector('.brand')")

    def photo(self, kind, name):
        """The path of a synthetic photo of that name."""
        path = os.path.join(self.folder, "photos", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(self.server.photo(kind))
        return path

    def file(self, name, data):
        path = os.path.join(self.folder, "photos", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def add(self, *paths):
        self.browser.type("#files", "\n".join(paths))

    def add_one(self, kind="texture-jpeg", name="shoe.jpg"):
        """Adds a photo and waits for its verdict."""
        self.add(self.photo(kind, name))
        self.browser.wait("document.querySelector('.verdict[data-state=done]')")


def load(path):
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [(name, test) for name, test in vars(module).items() if name.startswith("test_")]


def run_tests(web, tests):
    failures = 0
    for name, test in tests:
        try:
            web.reset()
            test(web)
            print(f"ok      {name}")
        except (Failure, BrowserError) as failure:
            failures += 1
            print(f"FAILED  {name}: {failure}")
            web.browser.screenshot(os.path.join(web.build, f"web-{name}.png"))
            print("        the page is in", f"web-{name}.png", "of the build folder; its console:",
                  [entry["message"] for entry in web.browser.console()])
    print(f"[  PASSED  ] {len(tests) - failures} test(s).")  # counted as cmocka's are
    if failures:
        print(f"[  FAILED  ] {failures} test(s).")
    return failures


def main():
    build, path = sys.argv[1:3]
    if not os.path.exists(os.path.join(build, "aidetect")) or not is_installed():
        print("skipped: this needs aidetect, chromium and chromedriver")
        return 77
    tests = load(path)
    check(tests, "no tests")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(build, folder)
        edge = Edge(server.port)
        browser = Browser()
        try:
            failures = run_tests(Web(build, folder, server, edge, browser), tests)
        finally:
            browser.close()
            edge.close()
            status = server.stop()
    check(status == 0, f"the server ended with status {status}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
