"""The pages at /status and /docs."""
import json

from edge import Edge, error
from run_server import check

DRIFT = {"window_size": 1000, "mean_probability": 0.41, "std_probability": 0.39, "low_confidence_ratio": 0.2,
         "prediction_ratio": {"real": 0.58, "ai_generated": 0.42}, "drift_score": 0.11, "ratio_drift": 0.24, "drift_detected": True}

API = {
    "openapi": "3.1.0", "info": {"title": "aidetect", "version": "9.8.7", "description": "What it does."},
    "paths": {
        "/predict": {"post": {
            "tags": ["predict"], "summary": "Judge one photo",
            "parameters": [{"name": "detail", "in": "query", "schema": {"type": "string", "enum": ["full"]}}],
            "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object", "properties": {
                "file": {"type": "string", "format": "binary"}}}},
                "image/jpeg": {"schema": {"type": "string", "format": "binary"}},
                "image/png": {"schema": {"type": "string", "format": "binary"}}}},
            "security": [{"apiKey": []}, {}],
            "responses": {"400": {"description": "why not"}, "422": {"description": "why not"}, "200": {"description": "Fine", "content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Prediction"}}}}}}},
        "/v1/predict": {"post": {"tags": ["predict"], "responses": {}}},
        "/things/{name}": {"get": {
            "tags": ["things"], "parameters": [{"name": "name", "in": "path", "required": True,
                                                "schema": {"type": "string"}}], "responses": {}}},
        "/echo": {"post": {"tags": ["things"], "responses": {}, "requestBody": {"content": {"application/json": {
            "schema": {"type": "object", "properties": {"count": {"type": "integer", "minimum": 3}}}}}}}},
    },
    "components": {"schemas": {"Prediction": {"type": "object", "properties": {
        "probability": {"type": "number", "minimum": 0, "maximum": 1, "description": "How sure"}}}}},
}


def test_status_shows_health_and_traffic(web):
    web.edge.answers["/monitoring/drift"] = (200, DRIFT, {})
    web.open("/status")
    browser = web.browser
    browser.wait_text("#state", "Healthy")
    browser.wait_text("#facts", "test-model")
    browser.wait("document.querySelectorAll('#traffic svg.chart[aria-label]').length === 6")
    browser.wait_text("#drift-note", "not like those of the baseline")
    browser.wait_text("#drift", "1,000")
    check(browser.texts(".meter.over .meter-value") == ["0.240 of 0.2"], browser.texts(".meter-value"))


def test_status_counts_what_happens(web):
    web.open("/status")
    web.browser.wait_text("#state", "Healthy")
    web.browser.wait("document.querySelector('#traffic .value')")
    web.browser.click("#pause")
    for _ in range(3):
        web.server.get("/healthz")
    web.browser.click("#pause")
    web.browser.wait("Number(document.querySelector('#traffic .value').textContent) > 0")
    web.browser.wait("/M.*L?/.test(document.querySelector('#traffic .line').getAttribute('d'))")


def test_status_shows_the_window_of_the_server(web):
    web.add_one()
    web.open("/status")
    web.browser.wait_text("#drift-note", "There is no baseline yet")
    web.browser.wait_text("#drift", "of 1,000, the latest ones")


def test_status_without_drift_says_so(web):
    web.edge.answers["/monitoring/drift"] = error(404, "Not found", "")
    web.open("/status")
    web.browser.wait_text("#drift-note", "does not watch for drift")


def test_status_of_a_service_that_is_gone(web):
    web.edge.answers["/health"] = Edge.GONE
    web.open("/status")
    web.browser.wait_text("#state", "No answer")
    web.edge.answers.clear()
    web.browser.click("#pause")
    web.browser.click("#pause")
    web.browser.wait_text("#state", "Healthy")


def test_the_server_describes_its_api(web):
    web.open("/docs")
    web.browser.wait("document.querySelector('#post-predict-batch')")
    web.browser.click("#get-monitoring-drift summary")
    web.browser.click("#get-monitoring-drift button[type=submit]")
    web.browser.wait_text("#get-monitoring-drift .response-line", "200 OK")
    web.browser.click("#post-predict-batch summary")
    files = [web.photo("texture-jpeg", name) for name in ("one.jpg", "two.jpg")]
    web.browser.type("#post-predict-batch input[type=file]", "\n".join(files))
    web.browser.click("#post-predict-batch button[type=submit]")
    web.browser.wait_text("#post-predict-batch .response-line", "200 OK")
    answer = json.loads(web.browser.texts("#post-predict-batch .response pre")[1])
    check(answer["successful"] == 2, answer)


def docs(web):
    web.edge.answers["/openapi.json"] = (200, API, {})
    web.open("/docs")
    web.browser.wait("!document.querySelector('#docs').hidden")


def test_docs_list_every_operation_once(web):
    docs(web)
    check(web.browser.text("h1") == "API 9.8.7", web.browser.text("h1"))
    paths = list(zip(web.browser.texts(".method"), web.browser.texts(".path")))
    check(paths == [("POST", "/predict"), ("GET", "/things/{name}"), ("POST", "/echo")], paths)
    web.browser.click("#post-predict summary")
    web.browser.wait_text("#post-predict .schema .name", "detail")
    check("0 to 1" in web.browser.text("#post-predict .operation-body"), "no range")


def test_docs_try_a_photo(web):
    docs(web)
    web.browser.click("#post-predict summary")
    web.browser.type("#post-predict input[type=file]", web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.wait_text("#post-predict .try pre", "file=@shoe.jpg")
    web.browser.click("#post-predict button[type=submit]")
    web.browser.wait_text("#post-predict .response-line", "200 OK")
    answer = json.loads(web.browser.texts("#post-predict .response pre")[1])
    check(answer["prediction"] == "ai_generated", answer)


def test_docs_send_a_raw_body(web):
    docs(web)
    web.browser.click("#post-predict summary")
    web.browser.click("#post-predict .try .field:nth-of-type(2) option:nth-child(2)")
    web.browser.wait_text("#post-predict .try pre", "--data-binary")
    inputs = "#post-predict .try div:not([hidden]) > .field > input[type=file]"
    web.browser.type(inputs, web.photo("texture-jpeg", "shoe.jpg"))
    web.browser.click("#post-predict button[type=submit]")
    web.browser.wait_text("#post-predict .response-line", "200 OK")
    sent = [fields for method, path, fields in web.edge.requests if method == "POST"]
    check(sent[-1]["Content-Type"] == "image/jpeg", sent[-1])


def test_docs_say_the_same_thing_once(web):
    docs(web)
    web.browser.click("#post-predict summary")
    web.browser.wait_text("#post-predict .operation-body", "Answers")
    text = web.browser.text("#post-predict .operation-body")
    check("image/jpeg, image/png" in text and "400, 422 why not" in text, text)
    check("With an API key, when the service asks for one." in text, text)


def test_docs_fill_paths_and_bodies(web):
    seen = []
    web.edge.answers["/things/a%20b"] = (200, {"it": "is"}, {})
    docs(web)
    web.browser.click("#get-things-name- summary")
    web.browser.type("#get-things-name- input", "a b")
    web.browser.click("#get-things-name- button[type=submit]")
    web.browser.wait_text("#get-things-name- .response", '"it": "is"')
    web.edge.answers["/echo"] = lambda body: seen.append(body) or (200, {}, {})
    web.browser.click("#post-echo summary")
    web.browser.click("#post-echo button[type=submit]")
    web.browser.wait_text("#post-echo .response-line", "200")
    check(json.loads(seen[0]) == {"count": 3}, seen)


def test_docs_without_a_description_say_so(web):
    web.edge.answers["/openapi.json"] = error(404, "Not found", "")
    web.open("/docs")
    web.browser.wait_text("#about", "does not describe its API")
