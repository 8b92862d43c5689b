"""What all parts of the measurements share: processes that wait for orders, servers, a load.

Standard library only.  Everything that is measured is pinned to one core, everything else to the
other; only its own children are stopped.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
WORK = os.path.join(ROOT, "build", "bench")
MODEL = os.path.join(WORK, "model.safetensors")  # what is measured
PYTHON = "/usr/bin/python3"  # Debian's, which has the peers
START_LIMIT_S = 20
# PyTorch returns its memory to the system after each step unless told to keep it; on virtual
# machines that costs more than the arithmetic.  A fair peer keeps it.
TORCH_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "4294967295", "MALLOC_TRIM_THRESHOLD_": "17179869184",
                "MALLOC_TOP_PAD_": "268435456"}

CORES = sorted(os.sched_getaffinity(0))
MEASURED_CORE, OTHER_CORE = CORES[-1], CORES[0]


def say(text):
    print(text, file=sys.stderr, flush=True)


def tool(name):
    return os.path.join(BUILD, "bench", name)


def pin(core):
    """For preexec_fn: the child runs on this core only."""
    return lambda: os.sched_setaffinity(0, {core})


def run_json(command, core=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True,
                          preexec_fn=pin(MEASURED_CORE if core is None else core))
    return json.loads(done.stdout)


class Worker:
    """A process that answers "run TASK N" with numbers, or "absent": None."""

    def __init__(self, command, extra_environment=None):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            stderr=open(os.path.join(WORK, "worker.log"), "a"),
            env={**os.environ, **(extra_environment or {})}, preexec_fn=pin(MEASURED_CORE))
        if self.process.stdout.readline().strip() != "ready":
            raise OSError(f"{command[0]} did not start, see build/bench/worker.log")

    def run(self, task, count):
        self.process.stdin.write(f"run {task} {count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise OSError(f"task {task} failed, see build/bench/worker.log")
        return None if line.startswith("absent") else [float(word) for word in line.split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start_peer(name, command, extra_environment=None):
    try:
        return Worker(command, extra_environment)
    except OSError as problem:
        say(f"peer {name} is missing: {problem}")
        return None


class Server:
    """The real server, or another, on a free port, one worker, pinned to the measured core."""

    def __init__(self, command=None, extra_environment=None):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command or
            [os.path.join(BUILD, "aidetect"), "serve", "--listen", "127.0.0.1:0", "--model",
             MODEL, "--workers", "1"],
            stdout=subprocess.PIPE, stderr=open(os.path.join(WORK, "server.log"), "w"),
            env={**os.environ, **(extra_environment or {})}, preexec_fn=pin(MEASURED_CORE))
        self.port = None
        for line in self.process.stdout:
            found = re.search(rb"127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        if not self.port:
            self.stop()
            raise OSError("the server printed no port, see build/bench/server.log")

    def first_answer_ms(self, request):
        """Milliseconds from spawning to the first 200."""
        while time.monotonic() < self.started + START_LIMIT_S:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                    connection.sendall(request)
                    answer = connection.recv(65536)
                if answer.startswith(b"HTTP/1.1 200"):
                    return 1e3 * (time.monotonic() - self.started)
            except OSError:
                pass
            time.sleep(0.001)
        raise OSError("the server gave no answer")

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            kilobytes = re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)
        return int(kilobytes) / 1024

    def transport_cpu_us(self):
        """CPU time of all threads but the busiest, the worker that runs the network."""
        folder = f"/proc/{self.process.pid}/task"
        spent = []
        for thread in os.listdir(folder):
            with open(f"{folder}/{thread}/schedstat", encoding="ascii") as file:
                spent.append(int(file.read().split()[0]) / 1e3)
        return sum(spent) - max(spent)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def build_request(path):
    boundary = "aidetect-bench"
    with open(path, "rb") as file:
        photo = file.read()
    body = (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n'
            f"Content-Type: application/octet-stream\r\n\r\n").encode() + photo + \
        f"\r\n--{boundary}--\r\n".encode()
    return (f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def load(server, clients, requests, photos, rate=0):
    """Figures of `clients` connections, each sending when it was answered, or of a rate."""
    return run_json([tool("bench_http"), str(server.port), str(clients), str(requests),
                     f"{rate:.6f}"] + photos, OTHER_CORE)


def crop_count():
    """Of the model that is measured."""
    with open(MODEL, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return int(json.loads(file.read(length))["__metadata__"]["crop_count"])


def large_photos():
    """JPEGs of 1.3 megapixels and 200 KB."""
    folder = os.path.join(WORK, "large")
    if not os.path.isdir(folder):
        subprocess.run([tool("make_photos"), folder, "12"], check=True)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))
            if name.endswith(".jpg")]
