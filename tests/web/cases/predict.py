"""The page at /: one photo."""
import json
import os
import subprocess

from answers import explained, verdict
from edge import error
from run_server import check

NEVER_THERE = (404, {"error": "Not found", "detail": "", "status_code": 404}, {})


def test_a_photo_gets_its_verdict(web):
    web.add_one()
    browser = web.browser
    check(browser.text("#verdict") == "AI-generated", browser.text("#verdict"))
    browser.wait("document.querySelector('.photo').naturalWidth === 480")
    answer = json.loads(browser.text(".developers details pre"))
    shown = dict(zip(browser.texts(".facts dt"), browser.texts(".facts dd")))
    check(shown["Probability"] == f"{answer['probability']:.3f}", shown)
    check(shown["Confidence"] == answer["confidence"] == "high", shown)
    check(shown["Model"] == answer["model_version"], shown)
    check("shoe.jpg" in browser.text("figcaption"), browser.text("figcaption"))


def test_the_verdict_is_announced(web):
    web.add_one()
    web.browser.wait_text("#announcer[aria-live]", "shoe.jpg: AI-generated")


def test_the_curl_command_gives_the_same(web):
    web.add_one(name="it's a shoe.jpg")
    browser = web.browser
    command = browser.texts(".developers details pre")[1]
    shown = json.loads(browser.texts(".developers details pre")[0])
    result = subprocess.run(["bash", "-c", command + " -s"], capture_output=True, check=True,
                            cwd=os.path.join(web.folder, "photos"))
    answer = json.loads(result.stdout)
    for key in ("prediction", "probability", "confidence", "model_version"):
        check(answer[key] == shown[key], f"{key}: {answer[key]} and {shown[key]}")


def test_the_command_can_be_copied(web):
    web.add_one()
    browser = web.browser
    command = browser.texts(".developers details pre")[1]
    browser.run("""window.copied = []; document.querySelectorAll('.developers details')[1].open = true;
        navigator.clipboard.writeText = async (text) => { window.copied.push(text); };""")
    browser.click(".developers details:last-child .code button")
    browser.wait_text(".developers details:last-child .code button", "Copied")
    check(browser.run("return window.copied;") == [command], browser.run("return window.copied;"))
    browser.run("navigator.clipboard.writeText = async () => { throw new Error('forbidden'); };")
    browser.click(".developers details:last-child .code button")
    browser.wait_text(".developers details:last-child .code button", "Selected")
    check(browser.run("return String(getSelection());") == command, browser.run("return String(getSelection());"))


def test_a_file_that_is_no_photo_is_an_error(web):
    web.add(web.file("notes.jpg", b"just text, no photo at all " * 20))
    browser = web.browser
    browser.wait("document.querySelector('.verdict[data-state=failed]')")
    check(browser.text("#verdict") in ("Invalid image", "Unsupported media type"), browser.text("#verdict"))
    check(len(browser.text(".verdict [role=alert]")) > 10, "no reason is given")
    check(browser.text(".no-photo") is not None, "a broken picture is shown")


def test_a_photo_over_the_limit_is_not_sent(web):
    web.add(web.file("huge.jpg", bytes(12 << 20)))
    web.browser.wait_text("#verdict", "Photo too large")
    web.browser.wait_text(".verdict [role=alert]", "It has 12 MB; the limit is 10 MB.")
    check(not any(method == "POST" for method, _, _ in web.edge.requests), "it was sent")


def test_a_failed_photo_can_be_tried_again(web):
    web.edge.answers["/predict"] = error(500, "Internal error", "the disk is full")
    web.add(web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.wait_text("#verdict", "Internal error")
    web.browser.wait_text(".finding .hint", "0123456789abcdef")
    web.edge.answers.clear()
    web.browser.click(".finding .row button")
    web.browser.wait_text("#verdict", "AI-generated")


def test_low_confidence_is_said_first(web):
    web.edge.answers["/predict"] = verdict(0.44, "low")
    web.add_one()
    check(web.browser.text("#verdict") == "Unsure, leaning camera photo", web.browser.text("#verdict"))


def test_the_decision_goes_before_the_confidence(web):
    web.edge.answers["/predict"] = verdict(0.44, "low", threshold=0.5, decision="real", unsure_low=0.45, unsure_high=0.6)
    web.add_one()
    check(web.browser.text("#verdict") == "Probably a camera photo", web.browser.text("#verdict"))
    check(web.browser.run("return document.querySelectorAll(\".track .band\").length") == 1, "no band")


def test_evidence_and_threshold_are_shown(web):
    web.edge.answers["/predict"] = verdict(threshold=0.42, quality=[
        {"flag": "over_compressed", "help": "fine traces are gone"}])
    web.add_one()
    check(web.browser.text(".flags li") == "Over compressed Fine traces are gone.", web.browser.text(".flags"))
    check("0.42" in web.browser.texts(".facts dd"), web.browser.texts(".facts dd"))
    check(web.browser.run("return document.querySelector('.tick').style.left;") == "42%", "the tick")


def test_names_are_text_and_never_markup(web):
    web.edge.answers["/predict"] = verdict(model_version="<img src=x onerror=alert(1)>")
    web.add_one(name="<b>bold<b>.jpg")
    check("<b>bold<b>.jpg" in web.browser.text("figcaption"), web.browser.text("figcaption"))
    check(web.browser.run("return document.querySelectorAll('figcaption b, dd img').length;") == 0, "markup")


def test_a_heat_map_lies_over_the_photo(web):
    web.edge.answers["/predict/explain"] = explained()
    web.add_one()
    browser = web.browser
    browser.wait("document.querySelector('.map')?.naturalWidth === 48")
    check(browser.text(".slider output") == "60 %", browser.text(".slider output"))
    browser.type("#opacity", "\ue014" * 3)  # right
    check(browser.text(".slider output") == "75 %", browser.text(".slider output"))
    check(browser.run("return document.querySelector('.map').style.opacity;") == "0.75", "opacity")
    same = browser.run("""const a = document.querySelector('.map').getBoundingClientRect();
        const b = document.querySelector('.photo').getBoundingClientRect();
        return Math.abs(a.width - b.width) < 1 && Math.abs(a.height - b.height) < 1 && a.left === b.left;""")
    check(same, "the heat map is not where the photo is")


def test_the_server_draws_a_heat_map_of_its_own(web):
    web.add_one()
    web.browser.wait("document.querySelector('.map')?.naturalWidth === 480")
    check(len(web.browser.texts(".parts button")) > 0, "no parts")
    facts = dict(zip(web.browser.texts(".facts dt"), web.browser.texts(".facts dd")))
    check("Threshold" in facts and web.browser.text(".evidence"), facts)
    check("480 × 320" in web.browser.text("figcaption"), web.browser.text("figcaption"))


def test_parts_are_marked_in_the_photo(web):
    web.edge.answers["/predict/explain"] = explained()
    web.add_one()
    browser = web.browser
    browser.wait("document.querySelectorAll('.parts button').length === 2")
    check(browser.texts(".parts button") == ["+0.41", "−0.10"], browser.texts(".parts button"))
    browser.run("document.querySelector('.parts button').focus();")
    off = browser.run("""const box = document.querySelector('.box-line').getBoundingClientRect();
        const photo = document.querySelector('.photo').getBoundingClientRect();
        const middle = (rect) => [rect.left + rect.width / 2, rect.top + rect.height / 2];
        const part = [photo.left + photo.width * 252 / 480, photo.top + photo.height * 172 / 320];
        return middle(box).map((value, i) => Math.abs(value - part[i]));""")
    check(max(off) < 2, f"the box is off by {off} pixels")
    browser.run("document.querySelector('#opacity').focus();")
    check(not browser.run("return document.querySelector('.box');"), "the mark stays")


def test_without_the_route_there_is_no_heat_map(web):
    web.edge.answers["/predict/explain"] = NEVER_THERE
    web.add_one()
    web.browser.wait("!document.querySelector('.map-note')")
    check(web.browser.text(".slider") is None, "a slider without a map")


def test_a_limited_heat_map_says_when(web):
    web.edge.answers["/predict/explain"] = error(429, "Too many requests", "10 a minute", Retry_After=9)
    web.add_one()
    web.browser.wait_text(".map-note", "there is room in 9 s")
    web.edge.answers["/predict/explain"] = explained()
    web.browser.click(".map-note button")
    web.browser.wait("document.querySelector('.map')")


def test_photos_can_be_dropped(web):
    drop(web, "drop", "texture-png", "dropped.png")
    web.browser.wait_text("#verdict", "AI-generated")
    check("dropped.png" in web.browser.text("figcaption"), web.browser.text("figcaption"))


def test_dragging_shows_where_to_drop(web):
    browser = web.browser
    browser.run("document.dispatchEvent(new DragEvent('dragenter'));")
    check(browser.run("return document.body.classList.contains('dragging');"), "no sign of the drag")
    browser.run("document.dispatchEvent(new DragEvent('dragleave'));")
    check(not browser.run("return document.body.classList.contains('dragging');"), "the drag goes on")


def test_photos_can_be_pasted(web):
    drop(web, "paste", "texture-png", "image.png")
    web.browser.wait_text("#verdict", "AI-generated")


def drop(web, kind, photo, name):
    """A drop or a paste of a photo, as the browser would report it."""
    web.browser.run("""
        const [kind, bytes, name] = arguments;
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], name, {type: 'image/png'}));
        document.dispatchEvent(kind === 'drop' ? new DragEvent('drop', {dataTransfer: data, cancelable: true})
            : new ClipboardEvent('paste', {clipboardData: data, cancelable: true}));
    """, kind, list(web.server.photo(photo)), name)
