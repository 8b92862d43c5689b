"""A service that has the API alone."""
import json

from run import check


def run(server):
    here = server("--set", "web.pages=false")
    try:
        connection = here.connection()
        connection.request("GET", "/", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        check(json.loads(answer.read())["service"] == "aidetect", "a page at /")
        for path in ("/status", "/docs", "/web/page.css"):
            check(here.get(path)[0] == 404, f"{path} is there")
        check(here.get("/health")[0] == 200, "the API is gone, too")
    finally:
        check(here.stop() == 0, "it did not end well")
