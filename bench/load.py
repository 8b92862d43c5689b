#!/usr/bin/env python3
"""How a server holds under load and while its model is swapped: load.py BUILD [overload|swap] [PHOTO]

Open loop: requests leave at random (Poisson) times whatever the server does, and a latency counts from
the time its request was due.  The server runs on a free port; only it is stopped.
    overload   capacity, then 80 % and 300 % of it: goodput and p99 of the answers with 200
    swap       half of the capacity, ten seconds without swaps and ten with one a second, in turn; the
               client has one processor, the server the others.  SECONDS and ROUNDS change the length
Standard library only; figures for people, never a gate."""
import asyncio
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SECONDS = float(os.environ.get("SECONDS", "10"))
ROUNDS = int(os.environ.get("ROUNDS", "6"))
CORES = sorted(os.sched_getaffinity(0))


class Target:
    def __init__(self, port, photo):
        self.port = port
        head = (f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/jpeg\r\n"
                f"Content-Length: {len(photo)}\r\n\r\n")
        self.request, self.idle = head.encode() + photo, []

    async def ask(self):
        """The status, or 0 when the connection broke."""
        try:
            if self.idle:
                reader, writer = self.idle.pop()
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.get_extra_info("socket").setsockopt(  # others pace by guesses
                    socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
            writer.write(self.request)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
            await reader.readexactly(length)
            self.idle.append((reader, writer))
            return int(head[9:12])
        except (OSError, asyncio.IncompleteReadError):
            return 0


async def open_loop(target, rate, seconds, seed):
    """[(latency, status)] of the requests that were due within the time."""
    dice, results, tasks = random.Random(seed), [], []
    loop = asyncio.get_running_loop()
    start, due = loop.time(), 0.0

    async def one(when):
        status = await target.ask()
        results.append((loop.time() - when, status))

    while due < seconds:
        due += dice.expovariate(rate)
        delay = start + due - loop.time()
        if delay > 0:
            await asyncio.sleep(delay)
        tasks.append(asyncio.create_task(one(start + due)))
    await asyncio.gather(*tasks)
    return results


async def closed_loop(target, clients, seconds):
    """Answers a second with that many clients that never pause."""
    end, count = time.monotonic() + seconds, 0

    async def client():
        nonlocal count
        while time.monotonic() < end:
            status = await target.ask()
            count += status == 200  # not across the wait: others count meanwhile

    await asyncio.gather(*[client() for _ in range(clients)])
    return count / seconds


def percentile(results, share):
    good = sorted(latency for latency, status in results if status == 200)
    return good[min(int(len(good) * share), len(good) - 1)] * 1e3 if good else float("nan")


def summary(results, seconds):
    return {"goodput": round(sum(status == 200 for _, status in results) / seconds, 1),
            "p50_ms": round(percentile(results, 0.5), 1), "p99_ms": round(percentile(results, 0.99), 1),
            "statuses": {str(s): sum(x == s for _, x in results)
                         for s in sorted({x for _, x in results})}}


async def overload(target):
    await closed_loop(target, 4, 2)
    best = await closed_loop(target, 4, SECONDS)
    light = summary(await open_loop(target, 0.8 * best, SECONDS, 1), SECONDS)
    await open_loop(target, 3 * best, 2, 2)
    heavy = summary(await open_loop(target, 3 * best, SECONDS, 3), SECONDS)
    return {"capacity": round(best, 1), "at_80": light, "at_300": heavy,
            "goodput_ratio": round(heavy["goodput"] / best, 3),
            "p99_ratio": round(heavy["p99_ms"] / light["p99_ms"], 2)}


async def swap(target):
    await closed_loop(target, 4, 2)
    rate = 0.5 * await closed_loop(target, 4, SECONDS / 2)
    swaps, parts = 0, {"without": [], "with": []}

    async def swapping(stop):
        nonlocal swaps
        names = ["a", "b"]
        while not stop.is_set():
            body = json.dumps({"model": names[swaps % 2]}).encode()
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            writer.write(b"POST /admin/model HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                         b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                         + body)
            answer = await reader.read()
            writer.close()
            assert answer.startswith(b"HTTP/1.1 200"), answer
            swaps += 1
            await asyncio.sleep(1)

    async def with_swaps(seed):
        stop = asyncio.Event()
        task = asyncio.create_task(swapping(stop))
        results = await open_loop(target, rate, SECONDS, seed)
        stop.set()
        await task
        return results

    ratios = []
    for seed in range(ROUNDS):  # the same arrivals twice; who is first takes turns
        pair = {}
        for name in sorted(parts, reverse=seed % 2 == 0):
            pair[name] = await (with_swaps(seed) if name == "with" else
                                open_loop(target, rate, SECONDS, seed))
            parts[name] += pair[name]
        ratios.append(percentile(pair["with"], 0.99) / percentile(pair["without"], 0.99))
    out = {name: summary(results, ROUNDS * SECONDS) for name, results in parts.items()}
    return {"rate": round(rate, 1), "swaps": swaps, **out,
            "p99_ratio": round(out["with"]["p99_ms"] / out["without"]["p99_ms"], 3),
            "p99_ratio_of_rounds": [round(ratio, 3) for ratio in ratios],
            "p99_ratio_median": round(statistics.median(ratios), 3)}


def main():
    build, what = sys.argv[1], sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                              "models", "aidetect-1.safetensors")
        model = os.path.join(folder, "a.safetensors")
        shutil.copy(source, model)
        # The same model under another hash: one metadata text is changed in place.
        with open(source, "rb") as file:
            data = bytearray(file.read())
        at = data.index(b"aidetect-1")
        data[at:at + 10] = b"aidetect-b"
        with open(os.path.join(folder, "b.safetensors"), "wb") as file:
            file.write(data)
        photo = sys.argv[3] if len(sys.argv) > 3 else os.path.join(folder, "photo.jpg")
        if len(sys.argv) <= 3:
            subprocess.run([os.path.join(build, "tests", "make_photo"), "texture-jpeg", photo],
                           check=True)
        apart = what == "swap" and len(CORES) > 1
        server = subprocess.Popen(
            [os.path.join(build, "aidetect"), "serve", "--config", "/dev/null", "--listen",
             "127.0.0.1:0", "--model", model, "--set", "log.level=error", "--set",
             f"data={folder}/data"], stdout=subprocess.PIPE, text=True,
            preexec_fn=(lambda: os.sched_setaffinity(0, CORES[1:])) if apart else None)
        if apart:
            os.sched_setaffinity(0, CORES[:1])
        try:
            port = int(re.search(r":(\d+)$", server.stdout.readline().strip()).group(1))
            with open(photo, "rb") as file:
                target = Target(port, file.read())
            print(json.dumps(asyncio.run({"overload": overload, "swap": swap}[what](target)),
                             indent=1))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()


if __name__ == "__main__":
    main()
