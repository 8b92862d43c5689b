"""SIGTERM under load: every request that was accepted is answered, the exit status is 0."""
import http.client
import signal
import threading

from run import check, form_body


def client(server, body, content_type, counts, started):
    """Predicts until the server is gone; a request once begun must be answered."""
    while True:
        connection = server.connection()
        try:
            connection.connect()
        except OSError:
            return
        try:
            while True:
                connection.request("POST", "/predict", body, {"Content-Type": content_type})
                answer = connection.getresponse()
                answer.read()
                with counts["lock"]:
                    counts[answer.status] = counts.get(answer.status, 0) + 1
                    if counts[200] >= 40:
                        started.set()
                if answer.getheader("Connection") == "close":
                    return
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            # Accepted by the kernel but never by the server, or idle when it ended.
            with counts["lock"]:
                counts["reset"] = counts.get("reset", 0) + 1
            return
        finally:
            connection.close()


def under_load(start, how):
    server = start()
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    counts, started = {"lock": threading.Lock(), 200: 0}, threading.Event()
    threads = [threading.Thread(target=client, args=(server, body, content_type, counts, started))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    check(started.wait(60), f"no load: {counts}")
    check(server.stop(how) == 0, "the server did not end with 0")
    for thread in threads:
        thread.join()
    del counts["lock"]
    print("       ", counts)
    check(set(counts) <= {200, "reset"}, f"answers of another kind: {counts}")
    check(counts.get("reset", 0) == 0, f"accepted, not answered: {counts}")


def half_sent(start):
    """A request whose body is still coming when the signal does is finished as well."""
    server = start()
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    head = (f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    connection = server.connect()
    connection.sendall(head + body[:1000])
    check(server.get("/readyz")[0] == 200, "not ready")  # the head has been read by now
    server.process.send_signal(signal.SIGTERM)
    while True:  # draining: no new connections
        try:
            server.connect().close()
        except (ConnectionRefusedError, ConnectionResetError):
            break  # reset: it was in the queue when the listening socket closed
    connection.sendall(body[1000:])
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    check(answer.status == 200, f"got {answer.status}")
    check(answer.getheader("Connection") == "close", "the connection stays open")
    connection.close()
    check(server.stop() == 0, "the server did not end with 0")


def run(start):
    half_sent(start)
    print("ok      half_sent")
    for how in (signal.SIGTERM, signal.SIGINT):
        under_load(start, how)
        print("ok      under_load", how.name)
