"""The page at /: what stands between a photo and its verdict, and how it goes on."""
import os
import subprocess

from answers import verdict
from edge import Edge, error
from run_server import check


def held(web, kind):
    """Adds a photo and waits until it is on hold for that reason."""
    web.add(web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.wait("document.querySelector('#notice:not([hidden])')?.dataset.kind === arguments[0]", kind)
    web.browser.wait_text("#verdict", "On hold")


def goes_on(web):
    web.browser.wait_text("#verdict", "AI-generated")
    check(web.browser.run("return document.querySelector('#notice').hidden;"), "the notice stays")


def test_a_rate_limit_counts_down_and_goes_on(web):
    answers = [error(429, "Too many requests", "", Retry_After=1), verdict()]
    web.edge.answers["/predict"] = lambda _: answers.pop(0)
    held(web, "limited")
    goes_on(web)


def test_a_rate_limit_says_how_long(web):
    web.edge.answers["/predict"] = error(429, "Too many requests", "", Retry_After=600)
    held(web, "limited")
    seconds = int(web.browser.text(".clock").split()[0])
    check(500 < seconds <= 600, seconds)
    web.browser.wait_text("#announcer", "Too many requests")
    web.edge.answers.clear()
    web.browser.click("#notice-now")
    goes_on(web)


def test_no_connection_keeps_the_photo(web):
    web.edge.answers.update({"/predict": Edge.GONE, "/readyz": Edge.GONE})
    held(web, "offline")
    web.edge.answers.clear()
    goes_on(web)


def test_a_model_that_loads_is_waited_for(web):
    web.edge.answers.update({
        "/predict": error(503, "Service unavailable", "no worker is ready"),
        "/readyz": (503, {"status": "starting"}, {}),
        "/health": (200, {"status": "starting", "model_loaded": False, "predictions_total": 0}, {})})
    web.open("/")
    web.browser.wait_text("#model-line", "still loading")
    held(web, "loading")
    web.edge.answers.clear()
    goes_on(web)
    web.browser.wait_text("#model-line", "Model test-model")


def test_a_full_queue_is_waited_for(web):
    web.edge.answers["/predict"] = error(503, "Service busy", "the queue is full", Retry_After=600)
    held(web, "busy")
    web.edge.answers.clear()
    web.browser.click("#notice-now")
    goes_on(web)


def test_a_missing_key_is_asked_for_and_sent(web):
    web.edge.answers["/predict"] = error(401, "Unauthorized", "send a key")
    held(web, "locked")
    web.browser.click("#notice button")
    check(web.browser.run("return document.activeElement.id;") == "key", "the field has no focus")
    web.edge.answers["/predict"] = verdict()
    web.browser.type("#key", "adk_secret\ue007")
    goes_on(web)
    sent = [fields for method, path, fields in web.edge.requests if path.startswith("/predict?")]
    check("X-Api-Key" not in sent[0] and "X-API-Key" not in sent[0], sent[0])
    check(sent[-1].get("X-API-Key", sent[-1].get("X-Api-Key")) == "adk_secret", sent[-1])
    stored = web.browser.run("return [JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.cookie];")
    check("adk_secret" in stored[0] and "adk_secret" not in stored[1] + stored[2], stored)
    check("adk_secret" not in "".join(web.browser.texts(".developers pre")), "the key is on the page")


def test_a_server_with_keys_takes_one(web):
    data = os.path.join(web.folder, "keys")
    made = subprocess.run([os.path.join(web.build, "aidetect"), "keys", "create", "visitor", "--data", data],
                          capture_output=True, text=True, check=True)
    key = made.stdout.strip()
    with web.serve("--set", "auth.required=on", "--set", f"data={data}"):
        web.open("/")
        held(web, "locked")
        web.browser.click("#notice button")
        web.browser.type("#key", "not-a-key\ue007")
        web.browser.wait("!document.querySelector('.key').open")
        web.browser.wait("document.querySelector('#notice:not([hidden])')?.dataset.kind === 'locked'")
        web.browser.click("#notice button")
        web.browser.run("document.querySelector('#key').value = '';")
        web.browser.type("#key", f"{key}\ue007")
        goes_on(web)
        web.browser.wait("document.querySelector('.map')")


def test_stopping_ends_the_wait(web):
    web.edge.answers["/predict"] = error(429, "Too many requests", "", Retry_After=600)
    held(web, "limited")
    web.browser.click("#notice .row button:last-child")
    web.browser.wait_text("#verdict", "Not judged")
    web.edge.answers.clear()
    web.browser.click(".finding .row button")
    goes_on(web)
