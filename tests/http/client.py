"""aidetect client: against a real service, and against one that is busy first."""
import http.server
import json
import os
import subprocess
import threading

from run import TIMEOUT, check


class Runner:
    def __init__(self, server):
        self.server, self.program = server, os.path.join(server.build, "aidetect")

    def __call__(self, url, *arguments, stdin=None, env=None):
        done = subprocess.run([self.program, "client", "predict", url, *arguments],
                              input=stdin, capture_output=True, timeout=TIMEOUT,
                              env={**os.environ, **(env or {})}, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()


def photos(server):
    return [server.made("make_photo", kind, kind)
            for kind in ("texture-jpeg", "texture-png", "gif", "texture-webp")]


def each(run, url, files):
    code, out, err = run(url, *files)
    lines = out.splitlines()
    check(code == 2, f"{code} {err}")
    check(lines[0].split() == ["VERDICT", "PROBABILITY", "CONFIDENCE", "PATH"], out)
    check([line.split()[-1] for line in lines[1:]] == [files[0], files[1], files[3]], out)
    check(err == f"aidetect client: {files[2]}: the service answered 415: this is a GIF file: only "
          "JPEG, PNG and WebP are read\n", err)
    code, out, err = run(url + "/", files[0], "/nowhere/photo.jpg")
    check(code == 2 and "/nowhere/photo.jpg" in err and len(out.splitlines()) == 2, err)
    code, out, err = run(url, files[0])
    check(code == 1 and not err, err)
    with open(files[0], "rb") as file:
        code, out, err = run(url, "-", stdin=file.read())
    check(code == 1 and out.splitlines()[1].endswith(" -"), out + err)


def as_json(run, url, files):
    code, out, _ = run(url, "--format", "json", *files)
    records = json.loads(out)
    check(code == 2 and [record["path"] for record in records] == files, out)
    check(list(records[0]) == ["path", "status", "prediction", "probability", "confidence",
                               "inference_time_ms", "model_version"], records[0])
    check(list(records[2]) == ["path", "status", "error"], records[2])
    code, out, _ = run(url, "--format", "json", "/nowhere")
    check(code == 2 and json.loads(out)[0]["status"] == "error", out)


def in_batches(run, url, files):
    before = run.server.metrics()
    many = (files * 4)[:13]
    code, out, err = run(url, "--batch", "--format", "json", *many)
    records = json.loads(out)
    check(code == 2 and [record["path"] for record in records] == many, err)
    check([record["status"] == "error" for record in records] ==
          [path == files[2] for path in many], out)
    series = 'aidetect_http_requests_total{method="POST",endpoint="/predict/batch",status_code="200"}'
    check(run.server.metrics()[series] - before.get(series, 0) == 2, "not two requests")
    code, out, err = run(url, "-b", files[0], "/nowhere", files[1])
    check(code == 2 and "/nowhere" in err, err)
    check([line.split()[-1] for line in out.splitlines()[1:]] == [files[0], files[1]], out)


def explains(run, url, files):
    overlay = os.path.join(run.server.folder, "overlay.png")
    code, _, err = run(url, "--explain", "-o", overlay, files[0])
    check(code == 1, err)
    with open(overlay, "rb") as file:
        check(file.read(8) == b"\x89PNG\r\n\x1a\n", "no PNG")
    code, out, _ = run(url, "--explain", "--format", "json", files[0])
    check("regions" in json.loads(out)[0] and "heatmap_base64" not in out, out)


def usage(run, url, files):
    for arguments in ((url,), ("ftp://x", files[0]), (url, "-o", "x.png", files[0]),
                      (url, "--batch", "--explain", files[0]),
                      (url, "--explain", "-o", "x.png", files[0], files[1])):
        code, out, err = run(*arguments)
        check(code == 64 and not out and err, f"{arguments}: {code} {out} {err}")
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    port = server.server_port
    server.server_close()  # nobody listens there now
    code, _, err = run(f"http://127.0.0.1:{port}", files[0])
    check(code == 74 and err.startswith("aidetect client: Failed to connect"), f"{code} {err}")


class Busy(http.server.BaseHTTPRequestHandler):
    """Busy as often as the path says: /STATUS/TIMES; then a verdict about the bytes it got."""
    asked, keys, senders, bodies = {}, [], [], []

    def do_POST(self):
        status, times = self.path.split("/")[1:3]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Busy.keys.append(self.headers["X-API-Key"])
        Busy.senders.append(self.headers["X-Sender-ID"])
        Busy.bodies.append(body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0])
        Busy.asked[self.path] = Busy.asked.get(self.path, 0) + 1
        busy = Busy.asked[self.path] <= int(times)
        answer = {"detail": "no time"} if busy else {
            "prediction": "real", "probability": 0.25, "confidence": "medium"}
        text = json.dumps(answer).encode() if times != "0" else b"<html>"
        self.send_response(int(status) if busy else 200)
        if busy:
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def busy(run, photo):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        for status in ("503", "429"):
            code, out, err = run(f"{url}/{status}/3", photo, "--api-key", "secret-1")
            check(code == 0 and "real         0.250        medium" in out, out + err)
            check(Busy.asked[f"/{status}/3/predict"] == 4, Busy.asked)
        with open(photo, "rb") as file:
            whole = file.read()
        check(all(body == whole for body in Busy.bodies), "a repeated upload differs")
        check(set(Busy.keys) == {"secret-1"}, Busy.keys)
        code, out, err = run(f"{url}/503/9", photo, "--retries", "1",
                             env={"AIDETECT_API_KEY": "secret-2"})
        check(code == 2 and "the service answered 503: no time" in err, err)
        check(Busy.asked["/503/9/predict"] == 2 and Busy.keys[-1] == "secret-2", Busy.asked)
        check(Busy.senders[-1] is None, Busy.senders)
        code, out, err = run(f"{url}/500/1", photo, "--sender", "seller 17")
        check(Busy.senders[-1] == "seller 17", Busy.senders)
        check(code == 2 and Busy.asked["/500/1/predict"] == 1, Busy.asked)
        code, out, err = run(f"{url}/200/0", photo)
        check(code == 2 and "not JSON" in err, err)
    finally:
        server.shutdown()
        server.server_close()


def health(server):
    def ask(*arguments):
        done = subprocess.run([os.path.join(server.build, "aidetect"), "client", "health",
                               *arguments], capture_output=True, timeout=TIMEOUT, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    url = f"http://127.0.0.1:{server.port}"
    code, out, err = ask(url)
    check(code == 0 and out.startswith("healthy, model ") and not err, f"{code} {out} {err}")
    code, out, _ = ask(url + "/", "--format", "json")
    check(code == 0 and json.loads(out)["status"] == "healthy", out)
    code, out, err = ask(url + "/nowhere")
    check(code == 2 and not out and "the service answered 404" in err, err)
    code, out, err = ask("http://127.0.0.1:1")
    check(code == 74 and not out and err, err)
    check(ask(url, "photo.jpg")[0] == 64 and ask(url, "--batch")[0] == 64, "usage")
    answers = {"starting": (1, b'{"status":"starting"}'), "none": (2, b"{}"), "text": (2, b"fine")}

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = answers[self.path.split("/")[1]][1]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        for name, (expected, _) in answers.items():
            code, out, err = ask(f"http://127.0.0.1:{other.server_port}/{name}")
            check(code == expected, f"{name}: {code} {out} {err}")
    finally:
        other.shutdown()
        other.server_close()


def run(start):
    server = start()
    runner, url, files = Runner(server), f"http://127.0.0.1:{server.port}", photos(server)
    for test in (each, as_json, in_batches, explains, usage):
        test(runner, url, files)
        print("ok     ", test.__name__)
    busy(runner, files[0])
    print("ok      busy")
    health(server)
    print("ok      health")
    check(server.stop() == 0, "the server did not end with 0")
