"""deploy/haproxy.cfg: sound, and in front of a real server - TLS outside, the client's own address
inside, and none of what a client may claim about it."""
import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from run import check, form_body

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = os.path.join(SOURCE, "deploy", "haproxy.cfg")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_pem(folder):
    certificate, key, both = (os.path.join(folder, name) for name in ("crt", "key", "pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(both, "wb") as out:
        for part in (certificate, key):
            with open(part, "rb") as file:
                out.write(file.read())
    return both


class Edge:
    def __init__(self, program, folder, server):
        self.port, self.plain = free_port(), free_port()
        pem = make_pem(folder)
        self.tls = ssl.create_default_context(cafile=os.path.join(folder, "crt"))
        environment = dict(os.environ, AIDETECT_EDGE_BIND=f"127.0.0.1:{self.port}",
                           AIDETECT_EDGE_PLAIN=f"127.0.0.1:{self.plain}", AIDETECT_EDGE_PEM=pem,
                           AIDETECT_BACKEND=f"127.0.0.1:{server.port}")
        sound = subprocess.run([program, "-c", "-f", CONFIG], env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        check(sound.returncode == 0, f"haproxy -c: {sound.stdout}")
        check("WARNING" not in sound.stdout, f"haproxy -c: {sound.stdout}")
        self.log = open(os.path.join(folder, "edge.log"), "wb")
        self.process = subprocess.Popen([program, "-db", "-f", CONFIG], env=environment,
                                        stdout=self.log, stderr=subprocess.STDOUT)

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60,
                                                 context=self.tls)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def wait_ready(self):
        deadline = time.monotonic() + 60
        while True:
            check(self.process.poll() is None, "haproxy has ended")
            check(time.monotonic() < deadline, "the edge does not answer")
            try:
                if self.ask("GET", "/readyz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.log.close()


def through_the_edge(edge, server):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    # keys and limits are on: there is a trusted proxy
    answer = edge.ask("POST", "/predict", body, Content_Type=content_type)
    check(answer.status == 401, f"without a key: {answer.status} {answer.text[:200]}")
    key = subprocess.run([os.path.join(server.build, "aidetect"), "keys", "create", "shop",
                          "--data", server.data], check=True, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
    deadline = time.monotonic() + 60
    while answer.status == 401:
        check(time.monotonic() < deadline, "the key is not taken up")
        answer = edge.ask("POST", "/predict", body, Content_Type=content_type, X_API_Key=key,
                          X_Forwarded_For="192.0.2.99", X_Forwarded_Proto="http")
        time.sleep(0.05)
    check(answer.status == 200, f"got {answer.status} {answer.text[:200]}")
    check(json.loads(answer.text)["prediction"] == "ai_generated", answer.text)
    check(answer.getheader("Strict-Transport-Security") is not None, "no HSTS")
    check(answer.getheader("RateLimit-Limit") == "30", "no rate limit")
    with open(os.path.join(server.folder, "log"), encoding="utf-8") as log:
        text = log.read()
    check("status=200" in text and "key=" + key.split("_")[1] in text, text)
    check("192.0.2.99" not in text, "the edge lets a client's own X-Forwarded-For through")


def refused_at_the_edge(edge):
    answer = edge.ask("GET", "/metrics")
    check(answer.status == 404 and json.loads(answer.text)["error_class"] == "not_found", "metrics")
    connection = http.client.HTTPSConnection("127.0.0.1", edge.port, timeout=60, context=edge.tls)
    connection.putrequest("POST", "/predict")
    connection.putheader("Content-Length", "99999999")
    connection.endheaders()
    answer = connection.getresponse()
    check(answer.status == 413 and json.loads(answer.read())["status_code"] == 413, "too large")
    connection.close()
    connection = http.client.HTTPSConnection("127.0.0.1", edge.port, timeout=60, context=edge.tls)
    connection.putrequest("POST", "/predict")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    answer = connection.getresponse()
    check(answer.status == 411 and json.loads(answer.read())["status_code"] == 411, "chunked")
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", edge.plain, timeout=60)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    check(answer.status == 308 and answer.getheader("Location").startswith("https://"), "redirect")
    connection.close()


def run(start):
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if not program:
        print("skipped: haproxy is not installed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        server = start("--set", "proxy.trusted=127.0.0.1", "--set", f"data={folder}/data",
                       "--set", "rate.failures=0")
        server.data = os.path.join(folder, "data")
        edge = Edge(program, folder, server)
        try:
            edge.wait_ready()
            print("ok      wait_ready")
            through_the_edge(edge, server)
            print("ok      through_the_edge")
            refused_at_the_edge(edge)
            print("ok      refused_at_the_edge")
            check(server.stop() == 0, "the server did not end with 0")
            deadline = time.monotonic() + 60
            while (answer := edge.ask("GET", "/readyz")).status == 200:
                check(time.monotonic() < deadline, "the edge does not notice")
            check(json.loads(answer.text)["error_class"] == "unavailable", answer.text)
            print("ok      nobody_there")
        finally:
            edge.stop()
