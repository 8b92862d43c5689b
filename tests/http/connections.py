"""Keep-alive, pipelining, a client byte by byte, clients that leave."""
import time

from run import check, form_body


def request_bytes(server, kind):
    body, content_type = form_body([("file", "a.jpg", server.photo(kind))])
    head = (f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def keep_alive(server):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    connection = server.connection()
    for _ in range(20):
        connection.request("POST", "/predict", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        check(answer.status == 200, f"got {answer.status}")
        answer.read()
        port = connection.sock.getsockname()[1]
        check(port == connection.sock.getsockname()[1], "another connection")
    connection.close()


def pipelined(server):
    connection = server.connect()
    connection.sendall(request_bytes(server, "tiny-jpeg") * 3)
    text = b""
    while text.count(b"HTTP/1.1 200") < 3 or not text.endswith(b"}\n"):
        more = connection.recv(65536)
        check(more, f"closed after {text!r}")
        text += more
    connection.close()


def byte_by_byte(server):
    connection = server.connect()
    for byte in request_bytes(server, "tiny-jpeg")[:1500]:
        connection.sendall(bytes([byte]))
    connection.sendall(request_bytes(server, "tiny-jpeg")[1500:])
    check(connection.recv(12) == b"HTTP/1.1 200", "no answer to a slow client")
    connection.close()


def leaves_during_the_upload(server):
    before = server.metrics()["aidetect_http_requests_abandoned_total"]
    connection = server.connect()
    connection.sendall(request_bytes(server, "texture-jpeg")[:5000])
    connection.close()
    deadline = time.monotonic() + 20
    while server.metrics()["aidetect_http_requests_abandoned_total"] != before + 1:
        now = server.metrics()
        check(time.monotonic() < deadline, f"the leaver was not noticed: {before} {now}")
    check(server.metrics()["aidetect_active_requests"] == 0, "still active")


def run(start):
    server = start()
    for case in (keep_alive, pipelined, byte_by_byte, leaves_during_the_upload):
        case(server)
        print("ok     ", case.__name__)
    fds = server.metrics()["process_open_fds"]
    for _ in range(50):
        server.get("/health")
    check(server.metrics()["process_open_fds"] <= fds + 1, "descriptors leak")
    check(server.stop() == 0, "the server did not end with 0")
