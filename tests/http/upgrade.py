"""SIGUSR2 under load: the new process takes over; nobody is refused and every answer is 200."""
import http.client
import json
import os
import signal
import threading

from run import check, form_body


class Load:
    """Clients that predict without a pause, on kept connections and on new ones."""

    def __init__(self, server, count=8):
        self.server, self.stopping = server, threading.Event()
        self.lock, self.answers, self.pids = threading.Lock(), {}, set()
        self.changed = threading.Condition(self.lock)
        body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
        self.body, self.headers = body, {"Content-Type": content_type}
        self.threads = [threading.Thread(target=self.run, args=(i % 2 == 0,), daemon=True)
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def note(self, what):
        with self.changed:
            self.answers[what] = self.answers.get(what, 0) + 1
            self.changed.notify_all()

    def run(self, keeps):
        connection = self.server.connection()
        while not self.stopping.is_set():
            try:
                if not keeps:
                    connection.close()
                connection.request("POST", "/predict", self.body, self.headers)
                answer = connection.getresponse()
                answer.read()
                self.note(answer.status)
            except (OSError, http.client.HTTPException) as failure:
                self.note(repr(failure))
                connection.close()
        connection.close()

    def wait_for(self, more):
        """Until as many further requests were answered."""
        with self.changed:
            wanted = sum(self.answers.values()) + more
            check(self.changed.wait_for(lambda: sum(self.answers.values()) >= wanted, 120),
                  f"no progress: {self.answers}")

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        print("       ", self.answers)
        check(set(self.answers) == {200}, f"not only 200: {self.answers}")


def pid_of(server):
    return json.loads(server.get("/health")[1])["pid"]


def ended(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def takes_over(start):
    server = start()
    load = Load(server)
    load.wait_for(20)
    first = server.process.pid
    server.process.send_signal(signal.SIGUSR2)
    check(server.process.wait(timeout=120) == 0, "the old process did not end with 0")
    load.wait_for(20)
    second = pid_of(server)
    check(second != first, "the same process answers")
    try:
        load.wait_for(20)
        check(server.get("/readyz")[0] == 200, "not ready")
    finally:
        load.end()
        os.kill(second, signal.SIGTERM)
        while not ended(second):
            pass
    server.stop()


def failure_changes_nothing(start):
    """A successor that cannot start: the old process goes on, and can be asked again."""
    server = start()
    model = os.path.join(server.folder, "model.safetensors")
    os.rename(model, model + ".kept")
    load = Load(server, 2)
    load.wait_for(5)
    server.process.send_signal(signal.SIGUSR2)
    server.wait_log("event=upgrade.failed")
    server.messages = 1  # the successor said what it missed
    load.wait_for(5)
    check(pid_of(server) == server.process.pid, "another process answers")
    os.rename(model + ".kept", model)
    load.end()
    check(server.stop() == 0, "the server did not end with 0")


def run(start):
    takes_over(start)
    print("ok      takes_over")
    failure_changes_nothing(start)
    print("ok      failure_changes_nothing")
