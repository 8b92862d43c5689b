"""TLS by the server itself: versions, uploads, clients that are no TLS clients, new certificates."""
import os
import socket
import ssl
import subprocess
import tempfile
import time

from run import check, form_body

# The server says so, or just closes; any other reason would be the client's own.
REFUSED = ("TLSV1_ALERT_PROTOCOL_VERSION", "UNEXPECTED_EOF_WHILE_READING", "CLOSED")


def make_certificate(folder, name):
    """Self-signed, for localhost; the tests trust exactly it."""
    certificate, key = (os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return certificate, key


def trusting(certificate, newest=None, oldest=None):
    context = ssl.create_default_context(cafile=certificate)
    if newest:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = newest
    if oldest:
        context.minimum_version = oldest
    return context


def handshake(server, context):
    """The version that was agreed on, or the reason why none was."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain:
        try:
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                return connection.version()
        except ssl.SSLZeroReturnError:
            return "CLOSED"
        except ssl.SSLError as error:
            return error.reason


def serving(server, certificate):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    connection = server.connection()
    for _ in range(3):
        connection.request("POST", "/predict", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        text = answer.read()
        check(answer.status == 200, f"got {answer.status} {text[:200]}")
        check(answer.getheader("Strict-Transport-Security") == "max-age=31536000", "no HSTS")
    connection.request("POST", "/predict", bytes(11000000), {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    answer.read()
    check(answer.status == 413, f"a large upload got {answer.status}")
    connection.close()
    check(handshake(server, trusting(certificate)) == "TLSv1.3", "not TLS 1.3")
    check(handshake(server, trusting(certificate, ssl.TLSVersion.TLSv1_2)) == "TLSv1.2", "TLS 1.2")
    reason = handshake(server, trusting(certificate, ssl.TLSVersion.TLSv1_1))
    check(reason in REFUSED, f"TLS 1.1: {reason}")


def no_tls_client(server):
    """Neither plain HTTP nor silence gets a byte in plain text, or stops the server."""
    for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b""):
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as plain:
            plain.sendall(words)
            text = b""
            try:
                while more := plain.recv(4096):
                    text += more
            except ConnectionResetError:
                pass
            check(b"HTTP/" not in text, f"plain text for {words!r}: {text!r}")
    check(server.get("/healthz")[0] == 200, "the service is gone")


def new_certificate(server, folder, files):
    """Replaced files are used within seconds; files that do not fit are not."""
    fresh = make_certificate(folder, "fresh")
    for old, new in zip(files, fresh):
        os.replace(new, old)
    context = trusting(files[0])
    deadline = time.monotonic() + 60
    while handshake(server, context) != "TLSv1.3":
        check(time.monotonic() < deadline, "the new certificate is not used")
        time.sleep(0.05)
    server.tls = context
    with open(files[1], "w", encoding="ascii") as file:
        file.write("no key\n")
    while "event=tls.unreadable certificate=kept" not in read_log(server):
        check(handshake(server, context) == "TLSv1.3", "the old certificate is gone")
        check(time.monotonic() < deadline, "a damaged key is not complained about")
        time.sleep(0.05)
    check(handshake(server, context) == "TLSv1.3", "the old certificate is gone")


def read_log(server):
    with open(os.path.join(server.folder, "log"), encoding="utf-8") as file:
        return file.read()


def run(start):
    with tempfile.TemporaryDirectory() as folder:
        certificate, key = make_certificate(folder, "first")
        options = [word for one in (f"tls.certificate={certificate}", f"tls.key={key}",
                                    "http.head_timeout_ms=1000", f"data={folder}/data")
                   for word in ("--set", one)]
        server = start(*options, tls=trusting(certificate))
        serving(server, certificate)
        print("ok      serving")
        no_tls_client(server)
        print("ok      no_tls_client")
        new_certificate(server, folder, (certificate, key))
        print("ok      new_certificate")
        check(server.stop() == 0, "the server did not end with 0")
        both, key = make_certificate(folder, "one")
        with open(both, "ab") as file, open(key, "rb") as add:
            file.write(add.read())
        server = start("--set", f"tls.certificate={both}", "--set", "tls.minimum=1.3",
                       tls=trusting(both))
        check(handshake(server, trusting(both)) == "TLSv1.3", "one file for both")
        reason = handshake(server, trusting(both, ssl.TLSVersion.TLSv1_2))
        check(reason in REFUSED, f"TLS 1.2 with minimum 1.3: {reason}")
        print("ok      minimum")
        check(server.stop() == 0, "the server did not end with 0")
