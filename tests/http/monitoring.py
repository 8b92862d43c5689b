"""Prometheus against a running service, with the rules and dashboards of this program: every query
of every runbook and of every panel returns data, every target and rule is healthy.  Faults on
purpose need their switch."""
import glob
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.parse

from run import TIMEOUT, check, form_body

PATIENCE_S = 90
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VARIABLES = {"$__rate_interval": "20s", "$job": ".+", "$instance": ".+"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Prometheus:
    """Its own process; only that is ever stopped."""

    def __init__(self, server):
        self.port, folder = free_port(), os.path.join(server.folder, "monitoring")
        program = os.path.join(server.build, "aidetect")
        # A scale leaves windows of minutes at seconds: a trial does not last that long.
        for what in (["rules", "--time-scale", "0.02", "--target", f"127.0.0.1:{server.port}",
                      "--alertmanager", "127.0.0.1:9"], ["dashboards"]):
            subprocess.run([program, *what, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        self.dashboards = glob.glob(os.path.join(folder, "grafana/dashboards/*.json"))
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus/prometheus.yml",
             f"--storage.tsdb.path={folder}/series", f"--web.listen-address=127.0.0.1:{self.port}",
             "--enable-feature=exemplar-storage", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def get(self, path, **query):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}")
            return json.loads(connection.getresponse().read())
        except (ConnectionError, json.JSONDecodeError):
            return {"status": "not yet"}
        finally:
            connection.close()

    def has_data(self, query):
        answer = self.get("/api/v1/query", query=query)
        check(answer["status"] != "error", f"{query}: {answer.get('error')}")
        return answer["status"] == "success" and bool(answer["data"]["result"])

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=TIMEOUT)


def runbook_queries():
    for path in sorted(glob.glob(os.path.join(SOURCE, "docs/runbooks/*.md"))):
        with open(path, encoding="utf-8") as file:
            for block in re.findall(r"```promql\n(.*?)```", file.read(), re.DOTALL):
                for line in block.strip().splitlines():
                    yield os.path.basename(path), line.strip()


def panel_queries(paths):
    for path in paths:
        with open(path, encoding="utf-8") as file:
            dashboard = json.load(file)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"]
                for name, value in VARIABLES.items():
                    query = query.replace(name, value)
                yield f"{dashboard['uid']}: {panel['title']}", query


# Those of the playbook, word for word, but for the garbage collector that is not here.
PLAYBOOK = [
    'sum(rate(aidetect_http_requests_total{status_code=~"5.."}[5m])) by (endpoint)',
    'histogram_quantile(0.95, sum(rate(aidetect_http_request_duration_seconds_bucket[5m])) by (le, endpoint))',
    'aidetect_active_requests',
    'histogram_quantile(0.95, sum(rate(aidetect_image_size_bytes_bucket[5m])) by (le))',
    'sum(rate(aidetect_predictions_total{status="success"}[1h])) by (prediction)',
    'sum(rate(aidetect_predictions_total{status="success"}[1h])) by (confidence)',
    'deriv(process_resident_memory_bytes{job="ai-detector-api"}[30m])',
    'aidetect_drift_score',
]


def traffic(server):
    photo = server.photo("texture-jpeg")
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    for path, fields in (("/predict", [("file", "a.jpg", photo)]),
                         ("/predict/batch", [("files", "a.jpg", photo), ("files", "b", b"GIF8")]),
                         ("/predict", [("file", "b.jpg", b"nothing")])):
        body, kind = form_body(fields)
        connection = server.connection()
        connection.request("POST", path, body, {"Content-Type": kind, **trace})
        connection.getresponse().read()
        connection.close()
    server.get("/nowhere")


def wait_for(server, prometheus, asked):
    """Traffic until every query has data; the ones that never had any are named."""
    missing, end = list(asked), time.monotonic() + PATIENCE_S
    while missing:
        check(time.monotonic() < end, "no data for\n" + "\n".join(f"{a}: {b}" for a, b in missing))
        traffic(server)
        missing = [(name, query) for name, query in missing
                   if not prometheus.has_data(query)]
        time.sleep(0.3)


def healthy(prometheus):
    groups = prometheus.get("/api/v1/rules")["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    bad = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] == "err"]
    check(len(rules) > 30 and not bad, bad)
    targets = prometheus.get("/api/v1/targets")["data"]["activeTargets"]
    check([target["health"] for target in targets] == ["up"], targets)
    firing = [rule["name"] for rule in rules if rule.get("state") == "firing"]
    check("Watchdog" in firing and "ServiceDown" not in firing and "ModelNotLoaded" not in firing,
          firing)
    exemplars = prometheus.get("/api/v1/query_exemplars",
                               query="aidetect_prediction_duration_seconds_bucket",
                               start=time.time() - 3600, end=time.time())
    check("4bf92f3577b34da6a3ce929d0e0e4736" in json.dumps(exemplars), exemplars)


def faults(server, status, value):
    connection = server.connection()
    connection.request("POST", "/admin/faults", json.dumps(value),
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    check(answer.status == status, f"{value}: {answer.status} {body}")
    return body


def faults_work(start):
    server = start("--set", "faults.enabled=true")
    before = server.metrics()
    held = faults(server, 200, {"memory_bytes": 64 << 20, "descriptors": 50, "model_unloaded": 1,
                                "drift_score": 0.5})
    check(held["descriptors"] == 50 and held["error_ratio"] == 0, held)
    after = server.metrics()
    check(after["process_open_fds"] - before["process_open_fds"] >= 50, "no descriptors")
    check(after["process_resident_memory_bytes"] - before["process_resident_memory_bytes"] > 60e6,
          "no memory")
    check(after["aidetect_model_loaded"] == 0 and after["aidetect_drift_score"] == 0.5, after)
    faults(server, 200, {"error_ratio": 0.5})
    check(server.metrics()["aidetect_model_loaded"] == 1, "a fault that was not asked for goes on")
    check(server.metrics()["process_open_fds"] < after["process_open_fds"], "still open")
    statuses = []
    for _ in range(6):
        body, kind = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
        connection = server.connection()
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        statuses.append(connection.getresponse().status)
        connection.close()
    check(statuses.count(500) == 3 and statuses.count(200) == 3, statuses)
    for value in ({"error_ratio": 2}, {"delay_ms": -1}, {"memory_bytes": 1 << 40},
                  {"descriptors": 5000}, {"cpu_threads": 65}, {"drift_score": -0.5},
                  {"delay_ms": "long"}):
        body = faults(server, 400, value)
        check(list(value)[0] in body["detail"], body)
    faults(server, 200, {})
    check(server.stop() == 0, "the server did not end with 0")


def run(start):
    server = start()
    faults(server, 404, {"error_ratio": 1})
    check(shutil.which("prometheus"), "no prometheus (package prometheus)")
    prometheus = Prometheus(server)
    try:
        asked = list(runbook_queries()) + list(panel_queries(prometheus.dashboards))
        asked += [("the playbook", query) for query in PLAYBOOK]
        check(len(asked) > 100, len(asked))
        wait_for(server, prometheus, asked)
        print(f"ok      {len(asked)} queries return data")
        healthy(prometheus)
        print("ok      rules, targets and traces")
    finally:
        prometheus.stop()
    check(server.stop() == 0, "the server did not end with 0")
    faults_work(start)
    print("ok      faults on purpose, and their switch")
