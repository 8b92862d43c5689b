"""Limits of a request's head, told by raw sockets."""
import http.client

from run import check


def answer_to(server, text):
    connection = server.connect()
    try:
        connection.sendall(text)
    except (BrokenPipeError, ConnectionResetError):
        pass
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    status = answer.status
    connection.close()
    return status


def run(start):
    server = start()
    cases = [
        ("a URI of 2048 bytes", b"GET /" + b"a" * 2047 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {404}),
        ("a URI of 2049 bytes", b"GET /" + b"a" * 2048 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
        ("a URI of 60 KB", b"GET /" + b"a" * 60000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414}),
        ("64 fields", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 63 + b"\r\n", {200}),
        ("65 fields", b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 64 + b"\r\n", {431}),
        ("60 KB of fields",
         b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + (b"X: " + b"y" * 990 + b"\r\n") * 60 + b"\r\n",
         {431}),
    ]
    for name, text, expected in cases:
        status = answer_to(server, text)
        check(status in expected, f"{name}: got {status}")
        print("ok     ", name)
    check(server.get("/healthz")[0] == 200, "the service is gone")
    check(server.stop() == 0, "the server did not end with 0")
