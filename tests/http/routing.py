"""The real Alertmanager with the routing of this program: one outage is one page, the worse alert
silences the lesser, and one team gets one notification."""
import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time

from run import TIMEOUT, check

RECEIVED, LOCK = [], threading.Lock()
ALERTS = {"ServiceDown": ("infrastructure", "P1"), "ModelNotLoaded": ("ml-engineering", "P1"),
          "HighErrorRate": ("backend", "P2"), "AvailabilityBudgetBurnFast": ("backend", "P2"),
          "HighPredictionErrorRate": ("ml-engineering", "P2"),
          "DriftDetected": ("ml-engineering", "P3"), "DriftEarlyWarning": ("ml-engineering", "P3"),
          "DriftWarning": ("ml-engineering", "P4")}


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with LOCK:
            RECEIVED.append((body["receiver"], sorted(alert["labels"]["alertname"]
                             for alert in body["alerts"] if alert["status"] == "firing")))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, value=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request(method, path, json.dumps(value) if value else None,
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    except (ConnectionError, json.JSONDecodeError):
        return 0, None
    finally:
        connection.close()


def fire(port, *names, **labels):
    alerts = [{"labels": {"alertname": name, "job": "ai-detector-api", "team": ALERTS[name][0],
                          "priority": ALERTS[name][1], **labels}} for name in names]
    status, _ = ask(port, "POST", "/api/v2/alerts", alerts)
    check(status == 200, status)


def wait(what, condition):
    end = time.monotonic() + TIMEOUT
    while not condition():
        check(time.monotonic() < end, f"{what}: {RECEIVED}")
        time.sleep(0.05)


def states(port):
    return {alert["labels"]["alertname"]: alert["status"]["state"]
            for alert in ask(port, "GET", "/api/v2/alerts")[1]}


def told(what, expected):
    wait(what, lambda: len(RECEIVED) >= len(expected))
    check(sorted(RECEIVED) == expected, RECEIVED)
    RECEIVED.clear()


def acknowledge(port, name):
    """As `amtool silence add alertname=NAME` does."""
    status, answer = ask(port, "POST", "/api/v2/silences", {
        "matchers": [{"name": "alertname", "value": name, "isRegex": False}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "somebody", "comment": "on it"})
    check(status == 200, answer)


def settled(port, expected):
    wait(f"not {expected}", lambda: states(port) == expected)


def run(start):
    server = start()
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever).start()
    folder, port = os.path.join(server.folder, "routing"), free_port()
    subprocess.run([os.path.join(server.build, "aidetect"), "rules", "--out", folder,
                    "--time-scale", "0.02", "--webhook", f"http://127.0.0.1:{hook.server_port}/"],
                   check=True, stdout=subprocess.DEVNULL)
    program = shutil.which("prometheus-alertmanager")
    check(program, "no prometheus-alertmanager (package of that name)")
    process = subprocess.Popen(
        [program, f"--config.file={folder}/alertmanager/alertmanager.yml",
         f"--storage.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}",
         "--cluster.listen-address=", "--log.level=error"])
    try:
        wait("no Alertmanager", lambda: ask(port, "GET", "/api/v2/status")[0] == 200)
        fire(port, "HighErrorRate", "AvailabilityBudgetBurnFast", "HighPredictionErrorRate",
             "DriftDetected", "DriftEarlyWarning", "DriftWarning")
        settled(port, {"HighErrorRate": "active", "AvailabilityBudgetBurnFast": "active",
                       "HighPredictionErrorRate": "suppressed", "DriftDetected": "active",
                       "DriftEarlyWarning": "suppressed", "DriftWarning": "suppressed"})
        told("two notifications", [
            ("backend-P2", ["AvailabilityBudgetBurnFast", "HighErrorRate"]),
            ("ml-engineering-P3", ["DriftDetected"])])
        print("ok      the worse silences the lesser, one team is told once")
        fire(port, "HighErrorRate", escalation="team-lead")
        told("no team lead", [("backend-team-lead", ["HighErrorRate"])])
        acknowledge(port, "HighErrorRate")
        fire(port, "HighErrorRate", escalation="engineering-manager")
        fire(port, "AvailabilityBudgetBurnFast", escalation="engineering-manager")
        told("no manager", [("engineering-manager", ["AvailabilityBudgetBurnFast"])])
        print("ok      escalation, and an acknowledgement that holds it")
        fire(port, "ServiceDown", "ModelNotLoaded")
        wait("no page", lambda: RECEIVED)
        settled(port, {name: "active" if name == "ServiceDown" else "suppressed"
                       for name in ALERTS})
        check(RECEIVED == [("infrastructure-P1", ["ServiceDown"])], RECEIVED)
        print("ok      one outage is one page")
    finally:
        process.terminate()
        process.wait(timeout=TIMEOUT)
        hook.shutdown()
        hook.server_close()
    check(server.stop() == 0, "the server did not end with 0")
