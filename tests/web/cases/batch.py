"""The page at /: many photos."""
import csv
import os
import time

from answers import batch
from edge import error
from run_server import check

NAMES = ["a-90.jpg", "b-10.jpg", "c-50.jpg", "d-bad.jpg", "e-70.jpg"]


def judged(web, names=NAMES):
    web.edge.answers["/predict/batch"] = batch
    web.add(*[web.photo("texture-jpeg", name) for name in names])
    web.browser.wait_text(".summary", f"{len(names)} of {len(names)} photos judged")


def rows(web):
    return web.browser.texts("tbody th")


def test_several_photos_make_a_table(web):
    judged(web)
    browser = web.browser
    check(rows(web) == NAMES, rows(web))
    check(browser.text(".summary") == "5 of 5 photos judged · 3 AI-generated · 1 from cameras · 1 failed",
          browser.text(".summary"))
    check(browser.texts("td.column-verdict")[1] == "Camera photo", browser.texts("td.column-verdict"))
    check(browser.texts("td.column-verdict")[3] == "Invalid image", browser.texts("td.column-verdict"))
    check(browser.run("return document.querySelector('progress').value;") == 5, "progress")
    sent = [path for method, path, _ in web.edge.requests if method == "POST"]
    check(sent == ["/predict/batch?detail=full"], sent)


def test_a_real_server_judges_them(web):
    names = [f"photo-{i}.jpg" for i in range(12)]
    web.add(*[web.photo("texture-jpeg", name) for name in names], web.photo("cut-jpeg", "broken.jpg"))
    web.browser.wait_text(".summary", "13 of 13 photos judged · 12 AI-generated · 0 from cameras · 1 failed")


def test_an_older_server_gets_them_one_by_one(web):
    web.edge.answers["/predict/batch"] = error(404, "Not found", "there is nothing at this path")
    web.add(*[web.photo("texture-jpeg", name) for name in NAMES])
    web.browser.wait_text(".summary", "5 of 5 photos judged · 5 AI-generated")
    sent = [path for method, path, _ in web.edge.requests if method == "POST"]
    check(sent == ["/predict/batch?detail=full"] + ["/predict?detail=full"] * 5, sent)


def test_columns_sort_both_ways(web):
    judged(web)
    browser = web.browser
    browser.click(".column-probability .sort")
    check(rows(web) == ["b-10.jpg", "c-50.jpg", "e-70.jpg", "a-90.jpg", "d-bad.jpg"], rows(web))
    check(sort_of(web, "probability") == "ascending", sort_of(web, "probability"))
    browser.click(".column-probability .sort")
    check(rows(web) == ["a-90.jpg", "e-70.jpg", "c-50.jpg", "b-10.jpg", "d-bad.jpg"], rows(web))
    check(sort_of(web, "probability") == "descending", sort_of(web, "probability"))
    browser.click(".column-confidence .sort")
    check(rows(web)[0] == "c-50.jpg" and rows(web)[-1] == "d-bad.jpg", rows(web))
    check(sort_of(web, "probability") == "none", sort_of(web, "probability"))


def sort_of(web, column):
    return web.browser.run("return document.querySelector(`th.column-${arguments[0]}`).ariaSort;", column)


def test_the_list_can_be_filtered(web):
    judged(web)
    for value, expected in (("real", ["b-10.jpg"]), ("unsure", ["c-50.jpg"]), ("failed", ["d-bad.jpg"]), ("all", NAMES)):
        web.browser.click(f"#filter option[value={value}]")
        check(rows(web) == expected, f"{value}: {rows(web)}")


def test_a_folder_is_taken_whole(web):
    web.edge.answers["/predict/batch"] = batch
    for name in ("shop/one-20.jpg", "shop/deep/two-80.png", "shop/three-30.webp"):
        web.photo("texture-jpeg", name)
    web.file("shop/notes.txt", b"no photo")
    web.browser.type("#folder", os.path.join(web.folder, "photos", "shop"))
    web.browser.wait_text(".summary", "3 of 3 photos judged")
    check(sorted(rows(web)) == ["shop/deep/two-80.png", "shop/one-20.jpg", "shop/three-30.webp"], rows(web))


def test_the_csv_has_every_photo(web):
    web.edge.answers["/predict/batch"] = batch
    folder = os.path.join(web.folder, "downloads")
    os.makedirs(folder, exist_ok=True)
    web.browser.allow_downloads(folder)
    judged(web, ["=SUM(A)-90.jpg", "b, c-10.jpg", "d-bad.jpg"])
    web.browser.click(".list-head .row button:not(.quiet)")
    path = os.path.join(folder, "aidetect.csv")
    for _ in range(600):
        if os.path.exists(path) and os.path.getsize(path):
            break
        time.sleep(0.05)
    with open(path, newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    check([row["photo"] for row in table] == ["'=SUM(A)-90.jpg", "b, c-10.jpg", "d-bad.jpg"], table)
    check([row["prediction"] for row in table] == ["ai_generated", "real", ""], table)
    check([row["probability"] for row in table] == ["0.9", "0.1", ""], table)
    check(table[2]["detail"] == "the JPEG ends too early", table)


def test_a_photo_without_a_place_in_the_queue_comes_again(web):
    seen = []

    def full_at_first(body):
        status, value, fields = batch(body)
        if not seen:
            value["results"][1].update(prediction=None, error="the queue is full", error_class="busy")
        seen.append(len(value["results"]))
        return status, value, fields

    web.edge.answers["/predict/batch"] = full_at_first
    web.edge.answers["/predict"] = lambda _: seen.append("alone")
    web.add(*[web.photo("texture-jpeg", name) for name in ("a-90.jpg", "b-10.jpg")])
    web.browser.wait_text(".summary", "2 of 2 photos judged · 2 AI-generated")
    check(seen == [2, "alone"], seen)


def test_a_row_opens_its_photo(web):
    judged(web)
    web.browser.click("tbody tr:nth-child(2) button")
    web.browser.wait_text("figcaption", "b-10.jpg")
    check(web.browser.run("return document.activeElement.id;") == "verdict", "the focus is elsewhere")
    web.browser.click("tbody tr:nth-child(4) button")
    web.browser.wait_text(".verdict [role=alert]", "The JPEG ends too early.")


def test_stopping_keeps_what_is_done(web):
    seen = []

    def second_is_limited(body):
        seen.append(body)
        return batch(body) if len(seen) == 1 else error(429, "Too many requests", "", Retry_After=600)

    web.edge.answers["/predict/batch"] = second_is_limited
    web.add(*[web.photo("texture-jpeg", f"p-{i:02d}.jpg") for i in range(15)])
    web.browser.wait_text("#notice h2", "Too many requests")
    web.browser.wait_text(".summary", "10 of 15 photos judged")
    check(web.browser.texts("td.column-verdict")[10] == "on hold", web.browser.texts("td.column-verdict"))
    web.browser.click("#notice .row button:last-child")
    web.browser.wait("document.querySelector('#notice').hidden")
    web.browser.wait("[...document.querySelectorAll('td.column-verdict')].slice(10).every((n) => n.textContent === 'stopped')")


def test_clearing_starts_anew(web):
    judged(web)
    web.browser.click(".list-head .row button:last-child")
    web.browser.wait("document.querySelector('#list').hidden && document.querySelector('#result').hidden")
    check(web.browser.run("return document.activeElement.id;") == "choose", "the focus is lost")
    web.add_one()
    check(web.browser.run("return document.querySelector('#list').hidden;"), "old photos are back")
