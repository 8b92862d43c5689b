#!/usr/bin/env python3
"""Black-box tests of `aidetect serve`: run.py BUILD_FOLDER CASE

CASE is a .http file, or a .py file with `def run(server)`.  Each gets a fresh server on a free
port, and photos and a model made by the test helpers.  A .http file holds blocks:

    === title
    request METHOD PATH          the request line; everything below is optional
    header NAME: VALUE           sent besides Host and Content-Length
    form NAME=@KIND              a multipart field with a photo of make_photo, or NAME=TEXT
    body @KIND | zeros N | TEXT  a raw body
    raw TEXT                     bytes of your own instead, on a fresh connection; \\r \\n \\0 \\\\
    expect STATUS
    expect-header NAME: GLOB     `-` as GLOB: the field must be absent
    expect-keys A B C            the members of the JSON answer, all of them, in this order
    expect-keys-of PATH A B C    the same for a member below: results.0
    expect-json PATH VALUE       VALUE is JSON, or <number>, <string>, <empty>
    expect-close | expect-open   what happens to the connection afterwards
    expect-delta SERIES N        by how much /metrics moved, itself not counted

Standard library only.  Exit status 1 on a failure, 77 when the program is not there."""
import fnmatch
import http.client
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

TIMEOUT = 60
# A photo may take long on a loaded machine or under a sanitizer; cases of a timeout set their own.
PATIENCE = {"AIDETECT_HTTP_HEAD_TIMEOUT_MS": "120000", "AIDETECT_HTTP_BODY_TIMEOUT_MS": "120000",
            "AIDETECT_QUEUE_DEADLINE_MS": "120000"}


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


class Server:
    """One `aidetect serve` on a free port; only this process is ever stopped."""

    tls = None  # an ssl.SSLContext once the server speaks TLS

    def __init__(self, build, folder, *options, model="ai", tls=None):
        self.build, self.folder, self.tls = build, folder, tls
        path = self.made("make_model", model, "model.safetensors")
        self.log = open(os.path.join(folder, "log"), "ab")
        self.messages = 0  # of programs that could not start, expected in the log
        self.process = subprocess.Popen(
            [os.path.join(build, "aidetect"), "serve", "--listen", "127.0.0.1:0",
             "--model", path, *options], stdout=subprocess.PIPE, stderr=self.log, text=True,
            env={"AIDETECT_DATA": os.path.join(folder, "data"), **PATIENCE, **os.environ})
        line = self.process.stdout.readline()
        match = re.fullmatch(r"listening on https?://127\.0\.0\.1:(\d+)\n", line)
        check(match, f"the server said {line!r}")
        self.port = int(match.group(1))
        self.wait_ready()

    def made(self, tool, kind, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            subprocess.run([os.path.join(self.build, "tests", tool), kind, path], check=True)
        return path

    def photo(self, kind):
        with open(self.made("make_photo", kind, kind), "rb") as file:
            return file.read()

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        return self.tls.wrap_socket(connection, server_hostname="localhost") if self.tls else connection

    def connection(self):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=TIMEOUT,
                                               context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def get(self, path):
        connection = self.connection()
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def wait_ready(self):
        while self.get("/readyz")[0] != 200:
            check(self.process.poll() is None, "the server ended before it was ready")

    def log_count(self, text):
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read().count(text)

    def wait_log(self, text, times=1):
        """Until the server has logged it as often."""
        while self.log_count(text) < times:
            check(self.process.poll() is None, f"the server ended before it logged {text}")

    def metrics(self):
        series = {}
        for line in self.get("/metrics")[1].decode().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                series[name] = float(value)
        return series

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=TIMEOUT)
        self.process.stdout.close()
        self.log.close()
        check(status != 0 or self.log_count("aidetect serve: ") == self.messages,
              "a clean end, and an error message")
        return status


def form_body(fields, boundary=b"Zx-boundary-7"):
    body = b""
    for name, filename, data in fields:
        body += b"--" + boundary + b'\r\nContent-Disposition: form-data; name="' + name.encode()
        body += b'"; filename="' + filename.encode() + b'"\r\n' if filename else b'"\r\n'
        body += b"Content-Type: application/octet-stream\r\n\r\n" if filename else b"\r\n"
        body += data + b"\r\n"
    return body + b"--" + boundary + b"--\r\n", "multipart/form-data; boundary=" + boundary.decode()


def parse_blocks(path):
    blocks = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("==="):
                blocks.append((line[3:].strip(), []))
            elif line.strip() and not line.startswith("#"):
                word, _, rest = line.partition(" ")
                blocks[-1][1].append((number, word, rest))
    return blocks


def unescape(text):
    table = {"r": "\r", "n": "\n", "0": "\0", "\\": "\\", "t": "\t"}
    return re.sub(r"\\(.)", lambda m: table[m.group(1)], text).encode("latin-1")


def content(server, text):
    if text.startswith("@"):
        return server.photo(text[1:])
    if text.startswith("zeros "):
        return bytes(int(text[6:]))
    return text.encode()


class Block:
    def __init__(self, server, title, lines):
        self.server, self.title = server, title
        self.request, self.headers, self.fields = None, [], []
        self.body, self.raw, self.checks = None, b"", []
        for number, word, rest in lines:
            if word == "request":
                self.request = rest.split(" ")
            elif word == "header":
                name, _, value = rest.partition(":")
                self.headers.append((name, value.strip()))
            elif word == "form":
                name, _, value = rest.partition("=")
                data = content(server, value)
                self.fields.append((name, "a.bin" if value[:1] in "@" else "", data))
            elif word == "body":
                self.body = content(server, rest)
            elif word == "raw":
                self.raw += unescape(rest)
            else:
                check(word.startswith("expect"), f"line {number}: unknown word {word}")
                self.checks.append((number, word, rest))

    def bytes(self):
        if self.raw:
            return self.raw
        headers = [("Host", f"127.0.0.1:{self.server.port}")] + self.headers
        body = self.body
        if self.fields:
            body, content_type = form_body(self.fields)
            headers.append(("Content-Type", content_type))
        if body is not None:
            headers.append(("Content-Length", str(len(body))))
        head = " ".join(self.request + ["HTTP/1.1"]) + "\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
        return head.encode("latin-1") + (body or b"")

    def run(self):
        before = self.server.metrics()
        request = self.bytes()  # before the server waits for its head
        connection = self.server.connect()
        try:
            connection.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused early: the answer is there to read
        answer = http.client.HTTPResponse(
            connection, method=self.request[0] if self.request else "GET")
        answer.begin()
        body = answer.read()
        is_open = self.is_open(connection)
        connection.close()
        after = self.server.metrics()
        for number, word, rest in self.checks:
            try:
                self.check_one(word, rest, answer, body, is_open, before, after)
            except (Failure, ValueError) as failure:
                raise Failure(f"line {number}: {word} {rest}: {failure}") from failure

    def is_open(self, connection):
        """A second request on the same connection is answered, or the connection ends."""
        try:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.1 200")
        except (BrokenPipeError, ConnectionResetError):
            return False

    def check_one(self, word, rest, answer, body, is_open, before, after):
        if word == "expect":
            check(answer.status == int(rest), f"got {answer.status} {body[:300]}")
        elif word == "expect-header":
            name, _, glob = rest.partition(":")
            value, glob = answer.getheader(name), glob.strip()
            check(value is None if glob == "-" else
                  value is not None and fnmatch.fnmatchcase(value, glob), f"got {value!r}")
        elif word == "expect-keys":
            keys = list(json.loads(body))
            check(keys == rest.split(" "), f"got {keys}")
        elif word == "expect-json":
            path, _, expected = rest.partition(" ")
            check_value(value_at(json.loads(body), path), expected)
        elif word == "expect-keys-of":
            path, _, keys = rest.partition(" ")
            check(list(value_at(json.loads(body), path)) == keys.split(" "), f"got {body[:300]}")
        elif word == "expect-body-len":
            check(len(body) == int(rest), f"got {len(body)}")
        elif word == "expect-close":
            check(not is_open, "the connection is still open")
        elif word == "expect-open":
            check(is_open, "the connection is closed")
        elif word == "expect-delta":
            series, _, amount = rest.rpartition(" ")
            delta = after.get(series, 0) - before.get(series, 0)
            check(delta == float(amount), f"moved by {delta}")
        else:
            raise Failure("unknown expectation")


def value_at(value, path):
    """The member of a JSON value that "results.0.error" names."""
    for step in path.split("."):
        value = value[int(step) if isinstance(value, list) else step]
    return value


def check_value(value, expected):
    if expected == "<number>":
        check(isinstance(value, (int, float)) and not isinstance(value, bool), f"got {value!r}")
    elif expected == "<string>":
        check(isinstance(value, str) and value, f"got {value!r}")
    else:
        check(value == json.loads(expected), f"got {value!r}")


def run_blocks(server, path):
    failures = 0
    blocks = parse_blocks(path)
    check(blocks, "no blocks")
    for title, lines in blocks:
        try:
            block = Block(server, title, lines)
            check(block.checks, "nothing is expected")
            block.run()
            print(f"ok      {title}")
        except (Failure, OSError, http.client.HTTPException) as failure:
            failures += 1
            print(f"FAILED  {title}: {failure!r}")
    check(failures == 0, f"{failures} of {len(blocks)} blocks failed")


def run_script(build, folder, path):
    spec = importlib.util.spec_from_file_location("case", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    servers = []

    def start(*options, **more):
        servers.append(Server(build, folder, *options, **more))
        return servers[-1]

    start.folder = folder
    try:
        module.run(start)
    finally:
        for server in servers:  # those that a failed case left
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()


def main():
    build, path = sys.argv[1:3]
    if not os.path.exists(os.path.join(build, "aidetect")):
        print("skipped: no aidetect in", build)
        return 77
    sys.modules["run"] = sys.modules["__main__"]  # cases import their tools from here
    with tempfile.TemporaryDirectory() as folder:
        try:
            if path.endswith(".py"):
                run_script(build, folder, path)
                return 0
            server = Server(build, folder)
            try:
                run_blocks(server, path)
            finally:
                status = server.stop()
            check(status == 0, f"the server ended with status {status}")
            return 0
        except Failure as failure:
            print("FAILED ", failure)
            with open(os.path.join(folder, "log"), encoding="utf-8", errors="replace") as log:
                print(log.read()[-4000:])
            return 1


if __name__ == "__main__":
    sys.exit(main())
