"""GET /metrics: both formats, as Prometheus's own linter sees them; traces in OpenMetrics only."""
import http.client
import re
import shutil
import subprocess

from run import TIMEOUT, check, form_body

OPENMETRICS = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
               "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def ask(server, accept=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    connection.request("GET", "/metrics", headers={"Accept": accept} if accept else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    kind, vary = answer.getheader("Content-Type"), answer.getheader("Vary")
    connection.close()
    check("Accept" in vary, vary)
    return kind, text


def predict(server, headers):
    body, kind = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    connection.request("POST", "/predict", body, {"Content-Type": kind, **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    check(answer.status == 200, answer.status)


def samples(text):
    return {line.split(" # ")[0].rsplit(" ", 1)[0] for line in text.splitlines()
            if not line.startswith("#")}


def run(start):
    server = start()
    predict(server, {})
    kind, text = ask(server, OPENMETRICS)
    check(" # {" not in text, "an example without a trace")
    predict(server, {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    kind, text = ask(server)
    check(kind == "text/plain; version=0.0.4; charset=utf-8", kind)
    check("# EOF" not in text and TRACE not in text and "# UNIT" not in text, "not 0.0.4")
    kind, openmetrics = ask(server, OPENMETRICS)
    check(kind == "application/openmetrics-text; version=1.0.0; charset=utf-8", kind)
    check(openmetrics.endswith("\n# EOF\n"), openmetrics[-100:])
    check(samples(openmetrics) - samples(text) == set(), "the formats name other series")
    for name in ("aidetect_prediction_duration_seconds", "aidetect_http_request_duration_seconds"):
        check(re.search(rf'^{name}_bucket\{{.*\}} \d+ # \{{trace_id="{TRACE}"\}} [0-9.e-]+ '
                        r"\d{10,}\.\d{6}$", openmetrics, re.MULTILINE), f"no trace in {name}")
    print("ok      two formats")
    check(shutil.which("promtool"), "no promtool (package prometheus)")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=TIMEOUT, check=False)
    check(done.returncode == 0 and not done.stdout + done.stderr, done.stdout + done.stderr)
    print("ok      promtool has nothing to say")
    check(server.stop() == 0, "the server did not end with 0")
