"""Stands between the browser and the server, so that a test decides what the page gets to see: a
rate limit, a model that is not loaded, a route that does not exist.  Everything else is passed on."""
import http.client
import http.server
import json
import threading


class Edge:
    """`answers` maps a path to a function of the request's body (or to a constant) that gives
    (status, JSON value, more header fields); to None to pass the request on; or to GONE to close
    the connection.  Tests change it while the page is open."""

    GONE = object()

    def __init__(self, port, answers=None):
        self.answers = dict(answers or {})
        self.requests = []  # (method, path, header fields) of everything asked for
        self.server = Listener(("127.0.0.1", 0), handler_of(self, port))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Listener(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A browser that leaves a page drops its connections: nothing to tell."""


def error(status, title, detail, **fields):
    """An answer in the service's shape of errors."""
    return (status, {"error": title, "detail": detail, "request_id": "0123456789abcdef",
                     "status_code": status, "error_class": title.lower().replace(" ", "_")},
            {name.replace("_", "-"): str(value) for name, value in fields.items()})


def handler_of(edge, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            edge.requests.append((self.command, self.path, dict(self.headers)))
            answer = edge.answers.get(path)
            if callable(answer):
                answer = answer(body)
            if answer is None:
                self.pass_on(body)
            elif answer is Edge.GONE:
                self.close_connection = True
            else:
                status, value, fields = answer
                self.reply(status, {"Content-Type": "application/json", **fields},
                           json.dumps(value).encode())

        do_GET = do_POST = do_any

        def pass_on(self, body):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            fields = {name: value for name, value in self.headers.items()
                      if name.lower() not in ("connection", "content-length")}
            connection.request(self.command, self.path, body or None, fields)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            kept = {name: value for name, value in answer.getheaders()
                    if name.lower() not in ("content-length", "connection", "date")}
            self.reply(answer.status, kept, data)

        def reply(self, status, fields, data):
            self.send_response_only(status)
            for name, value in fields.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler
