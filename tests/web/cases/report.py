"""The page of `aidetect evaluate --report`: on its own, in light and dark, on a phone."""
import os
import subprocess

from access import LOW_CONTRAST
from run_server import check


def run(web, *command):
    return subprocess.run(command, check=True, capture_output=True, cwd=web.folder)


def make_report(web):
    """The report of 12 synthetic photos, made once."""
    page = os.path.join(web.folder, "report", "report.html")
    if os.path.exists(page):
        return page
    photos = os.path.join(web.folder, "evaluated")
    os.makedirs(photos)
    rows = ["file\tlabel\tfamily\tsource\trole"]
    for i in range(12):
        label, family = ("ai", f"maker-{i % 3}") if i % 2 else ("real", "shoes")
        name = "<img src=x onerror=alert(1)>.png" if i == 0 else f"{i}.png"
        run(web, os.path.join(web.build, "tests", "make_photo"), "texture-png", os.path.join(photos, name), str(i))
        rows.append(f"{name}\t{label}\t{family}\tshop-{i % 4}-" + "x" * 60 + "\tdev")
    rows.append("gone.png\treal\tshoes\tshop-1\tdev")
    with open(os.path.join(photos, "manifest.tsv"), "w", encoding="utf-8") as file:
        file.write("\n".join(rows) + "\n")
    run(web, os.path.join(web.build, "tests", "make_model"), "ai", "report-model")
    result = subprocess.run([os.path.join(web.build, "aidetect"), "evaluate", "-m", "report-model",
                             "-d", os.path.join(photos, "manifest.tsv"), "--report", "report"],
                            capture_output=True, cwd=web.folder)
    check(result.returncode == 2, f"evaluate ended with {result.returncode}: {result.stderr}")
    return page


def open_report(web):
    page = make_report(web)
    web.browser.console()
    web.browser.requested()
    web.browser.open("file://" + page)
    web.browser.wait("document.readyState === 'complete' && document.querySelector('h1')")


def test_the_page_stands_alone(web):
    open_report(web)
    console = [entry["message"] for entry in web.browser.console() if entry["level"] != "INFO"]
    check(not console, f"the console says {console}")
    outside = [url for url in web.browser.requested() if not url.startswith(("file://", "data:"))]
    check(not outside, f"the page asks for {outside}")
    check(web.browser.run("return document.scripts.length + document.querySelectorAll('[onerror]').length;") == 0,
          "a name became markup")


def test_everything_is_drawn(web):
    open_report(web)
    check(web.browser.text("h1") == "Evaluation of test-model", web.browser.text("h1"))
    headings = web.browser.texts("h2")
    for name in ("Robustness", "Confusion", "Scores", "Reliability", "Generators", "Real sources",
                 "Worst mistakes", "Not judged"):
        check(name in headings, f"no section {name} in {headings}")
    # ROC, coverage, and two diagrams a tier, each with something in it and as wide as its frame.
    drawings = web.browser.run("""return [...document.querySelectorAll('svg.plot')].map((n) =>
        [n.getBoundingClientRect().width, n.querySelectorAll('.line, .bar, .dot').length]);""")
    check(len(drawings) == 10, f"{len(drawings)} drawings")
    check(all(width > 200 and marks > 1 for width, marks in drawings), f"empty: {drawings}")
    pictures = web.browser.run("""return [...document.images].map((n) => [n.complete, n.naturalWidth]);""")
    check(len(pictures) == 6, f"{len(pictures)} pictures")
    check(all(done and width > 0 for done, width in pictures), f"broken: {pictures}")
    check("gone.png" in web.browser.text("main"), "the photo that is gone is not listed")


def test_marks_lie_inside_their_diagram(web):
    open_report(web)
    outside = web.browser.run("""
        const found = [];
        for (const plot of document.querySelectorAll('svg.plot')) {
            const frame = plot.getBoundingClientRect();
            for (const node of plot.querySelectorAll('text, .line, .bar, .dot')) {
                const box = node.getBoundingClientRect();
                if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
                    box.bottom > frame.bottom + 1)
                    found.push(node.outerHTML.slice(0, 90));
            }
        }
        return found;""")
    check(not outside, f"outside: {outside}")


def test_light_dark_and_phone(web):
    for dark in (False, True):
        web.browser.set_dark(dark)
        open_report(web)
        faint = web.browser.run(LOW_CONTRAST)
        check(not faint, f"dark={dark}: too faint {faint[:5]}")
    web.browser.set_size(360, 740, mobile=True)
    open_report(web)
    width = web.browser.run("return document.documentElement.scrollWidth;")
    check(width <= 360, f"the page is {width} wide on a phone of 360")
