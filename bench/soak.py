#!/usr/bin/env python3
"""A server under load for a long time: soak.py BUILD [--seconds 1800] [--model FILE] [--rate SHARE]
    [--workers COUNT]

Photos arrive at random times at a share (80 %) of the capacity that is measured first; of all
requests 5 % are hostile: malformed heads, contradicting lengths, forms that end too early, photos
that are none, bombs, clients that stop in the middle.  At the end it asks that
    resident memory grew by at most 1 MB after the warm-up (4 MB in runs too short to fill caches),
    no descriptor is left open,
    no answer was 5xx but 503 with Retry-After: load that was shed,
    hostile requests were refused, and the server still answers and ends with 0.
Prints JSON, and ends with 1 when one of these does not hold.  The server runs on a free port; only
it is stopped.  Standard library only."""
import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOSTILE_SHARE = 0.05
GROWTH_MAX_KB = 1024
# The database's own cache (2 MB), the heaps' slack, buffers of as many connections as were ever open
# at once, which other work on the machine makes more: full after some minutes.
FILLING_KB = 15360
# As clients do: a connection that was not used for so long is not used again, because the server
# hangs up after http.idle_timeout_ms (a minute), which may cross the next request.
KEPT_S = 30
LONG_S = 600
ANSWER_LIMIT_S = 60
KINDS = ("texture-jpeg", "texture-png", "texture-webp", "gradient-jpeg", "flat-png")


def head(extra, length=None, path="/predict", method="POST"):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *extra]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def photo_request(photo):
    return head(["Content-Type: image/jpeg"], len(photo)) + photo


def hostile_requests(photo, dice, made):
    """(bytes, whether the client hangs up in the middle)"""
    form = (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + photo)
    kind = ["Content-Type: multipart/form-data; boundary=x"]
    noise = dice.randbytes(3000)
    yield b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", False
    yield b"\x16\x03\x01" + noise, False
    yield head(["Content-Type: image/jpeg", "Content-Length: 5"], 7) + b"1234567", False
    yield head(["Transfer-Encoding: chunked"], 5) + b"0\r\n\r\n", False
    yield head(["Host: other"], 0), False
    yield head(["X: " + "a" * 70000], 0), False
    yield head([f"X-{i}: 1" for i in range(90)], 0), False
    yield head(kind, len(form)) + form, False  # no end
    yield head(["Content-Type: multipart/form-data"], 3) + b"abc", False
    yield photo_request(photo[:len(photo) // 2]), False
    yield photo_request(noise), False
    yield photo_request(b""), False
    yield head(["Content-Type: image/jpeg"], 99999999), False
    yield head(["Content-Type: image/jpeg"], len(photo)) + photo[:100], True
    yield b"POST /predict HT", True
    yield head(["X-API-Key: wrong"], 2, "/admin/model") + b"{}", False
    yield head([], None, "/../../etc/passwd", "GET"), False
    yield head(["Content-Type: application/json"], 12, "/v2/models/a/infer") + b'{"inputs":[[', False
    for kind_of_photo in made:
        yield photo_request(kind_of_photo), False


class Soak:
    def __init__(self, port, photos, hostile):
        self.port, self.photos, self.hostile = port, photos, hostile
        self.idle, self.statuses, self.bad, self.latencies = [], {}, [], []
        self.hostile_statuses = {}

    async def connection(self):
        """The one that was used last, or a new one."""
        while self.idle:
            since, reader, writer = self.idle.pop()
            if time.monotonic() - since < KEPT_S:
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, dice):
        request, start = dice.choice(self.photos), time.monotonic()
        try:
            reader, writer = await self.connection()
            writer.write(request)
            await writer.drain()
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_LIMIT_S)
            length = int(re.search(rb"(?i)content-length: (\d+)", answer).group(1))
            await reader.readexactly(length)
            self.idle.append((time.monotonic(), reader, writer))
            status = int(answer[9:12])
            if status >= 500 and not (status == 503 and b"\nretry-after:" in answer.lower()):
                self.bad.append(f"a photo was answered {status}")
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as problem:
            status = 0
            self.bad.append(f"a photo was not answered: {problem!r}")
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == 200:
            self.latencies.append(time.monotonic() - start)

    async def attack(self, dice):
        request, leaves = dice.choice(self.hostile)
        status = 0
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(request)
            if not leaves:
                answer = await asyncio.wait_for(reader.read(4096), ANSWER_LIMIT_S)
                found = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
                status = int(found.group(1)) if found else 0
            writer.close()
        except (OSError, asyncio.TimeoutError):
            pass  # the server may hang up
        if status == 200 or (status >= 500 and status not in (503, 505)):
            self.bad.append(f"{request[:60]!r} was answered {status}")
        self.hostile_statuses[status] = self.hostile_statuses.get(status, 0) + 1

    async def closed(self, clients, seconds):
        end, dice = time.monotonic() + seconds, random.Random(1)
        before = self.statuses.get(200, 0)

        async def client():
            while time.monotonic() < end:
                await self.ask(dice)

        await asyncio.gather(*[client() for _ in range(clients)])
        return (self.statuses.get(200, 0) - before) / seconds

    async def open(self, rate, seconds, sample):
        dice, due = random.Random(2), 0.0
        start, next_sample = time.monotonic(), 0.0
        tasks = set()
        while due < seconds:
            due += dice.expovariate(rate)
            while time.monotonic() < start + due:
                if time.monotonic() - start >= next_sample:
                    sample(time.monotonic() - start)
                    next_sample += 1
                await asyncio.sleep(max(0, min(start + due - time.monotonic(), 0.2)))
            one = self.attack if dice.random() < HOSTILE_SHARE else self.ask
            task = asyncio.create_task(one(dice))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)

    def hang_up(self):
        while self.idle:
            self.idle.pop()[2].close()


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1))


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


async def settled_descriptors(pid):
    """Connections that were hung up take the server a moment: the fewest of three seconds."""
    fewest = descriptors(pid)
    for _ in range(30):
        await asyncio.sleep(0.1)
        fewest = min(fewest, descriptors(pid))
    return fewest


async def run(soak, pid, options, out):
    samples = []
    await soak.closed(4, 2)
    soak.hang_up()
    idle = await settled_descriptors(pid)
    capacity = await soak.closed(4, min(10, options.seconds / 6))
    warm = min(120, options.seconds / 2)
    await soak.open(options.rate * capacity, options.seconds,
                    lambda at: samples.append((at, resident_kb(pid))))
    soak.hang_up()
    after = [kb for at, kb in samples if at >= warm]
    quarter = max(1, len(after) // 4)
    growth = statistics.median(after[-quarter:]) - statistics.median(after[:quarter])
    left = await settled_descriptors(pid) - idle
    good = sorted(soak.latencies) or [float("nan")]
    out.update(seconds=options.seconds, capacity_per_s=round(capacity, 1),
               photos=soak.statuses, hostile=soak.hostile_statuses,
               p50_ms=round(1e3 * good[len(good) // 2], 1),
               p99_ms=round(1e3 * good[int(len(good) * 0.99)], 1),
               resident_kb=after[-1],
               resident_kb_by_tenth=[samples[len(samples) * i // 10][1] for i in range(10)],
               growth_kb=round(growth), descriptors_left=left)
    limit = GROWTH_MAX_KB + (0 if options.seconds >= LONG_S else FILLING_KB)
    if growth > limit:
        soak.bad.append(f"resident memory grew by {growth:.0f} kB, the limit is {limit}")
    if left > 0:
        soak.bad.append(f"{left} descriptors are left open")
    if not soak.statuses.get(200):
        soak.bad.append("no photo was judged")
    if not any(400 <= status < 500 for status in soak.hostile_statuses):
        soak.bad.append("nothing hostile was refused")


def make(build, folder, kind):
    path = os.path.join(folder, kind)
    subprocess.run([os.path.join(build, "tests", "make_photo"), kind, path], check=True)
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description="a server under load for a long time")
    parser.add_argument("build")
    parser.add_argument("--seconds", type=float, default=1800)
    parser.add_argument("--rate", type=float, default=0.8, help="share of the capacity")
    parser.add_argument("--workers", type=int, default=0, help="0: one a processor")
    parser.add_argument("--model", help="weights file; a small one is made when absent")
    options = parser.parse_args()
    out, dice = {}, random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        if not options.model:
            options.model = os.path.join(folder, "model.safetensors")
            subprocess.run([os.path.join(options.build, "tests", "make_model"), "ai",
                            options.model], check=True)
        photos = [make(options.build, folder, kind) for kind in KINDS]
        strange = [make(options.build, folder, kind) for kind in ("cut-jpeg", "bomb-png", "gif")]
        with open(os.path.join(folder, "log"), "wb") as log:
            server = subprocess.Popen(
                [os.path.join(options.build, "aidetect"), "serve", "--config", "/dev/null",
                 "--listen", "127.0.0.1:0", "--model", options.model, "--set", "log.level=error",
                 "--set", f"data={folder}/data", "--set", f"workers={options.workers}"], stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            port = int(re.search(r":(\d+)$", server.stdout.readline().strip()).group(1))
            soak = Soak(port, [photo_request(photo) for photo in photos],
                        list(hostile_requests(photos[0], dice, strange)))
            asyncio.run(run(soak, server.pid, options, out))
        finally:
            server.send_signal(signal.SIGTERM)
            status = server.wait()
        if status != 0:
            soak.bad.append(f"the server ended with {status}")
    out["wrong"] = soak.bad[:20]
    print(json.dumps(out, indent=1))
    return 1 if soak.bad else 0


if __name__ == "__main__":
    sys.exit(main())
