"""Measures everything that bench/run.sh reports: a table, and build/bench.json.

Standard library only.  Ratios come from interleaved runs (ours, peer, ours, peer ...) of processes
that wait for orders, all pinned to one core, in CPU time; a ratio is the median over rounds of
our time / their time in the same round.  Starts servers on free loopback ports only and stops
nothing but its own children.
"""
import argparse
import array
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
WORK = os.path.join(ROOT, "build", "bench")
PHOTOS = os.path.join(ROOT, "..", "shared", "data", "photos")
CROPS = 16  # half from photos, half noise
TOLERANCE = 1e-4
START_LIMIT_S = 20
PRECISIONS = ("fp32", "bf16", "int8")
KEYS = ("fma_peak_gflops inference_fraction_of_peak training_fraction_of_peak vs_onnxruntime "
        "vs_pytorch decode_ms_per_mp scan_images_per_s request_overhead_us start_ms rss_mb").split()
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


def pick_photos(count):
    """A spread over the collection when there is one, else synthetic photos."""
    manifest = os.path.join(PHOTOS, "manifest.tsv")
    if os.path.exists(manifest):
        with open(manifest, encoding="utf-8") as file:
            names = [line.split("\t", 1)[0] for line in file][1:]
        paths = [os.path.join(PHOTOS, name) for name in names[::max(1, len(names) // count)]]
        paths = [path for path in paths if os.path.exists(path)]
        if paths:
            return paths[:count], "a spread over ../shared/data/photos"
    folder = os.path.join(WORK, "photos")
    if not os.path.isdir(folder):
        subprocess.run([tool("make_photos"), folder, "12"], check=True)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))], "synthetic"


# Network ---------------------------------------------------------------------------------------

def read_floats(path):
    values = array.array("f")
    with open(path, "rb") as file:
        values.frombytes(file.read())
    return values


def largest_difference(peer):
    ours = read_floats(os.path.join(WORK, "output_aidetect.bin"))
    theirs = read_floats(os.path.join(WORK, f"output_{peer}.bin"))
    if len(ours) != len(theirs):
        return float("inf")
    return max(abs(a - b) for a, b in zip(ours, theirs))


def best_ratio(ours, theirs):
    """Median of ours / theirs against the peer's fastest way of doing it."""
    best = min(theirs, key=lambda task: statistics.median(theirs[task]))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs[best]))
    return ratio, best, statistics.median(theirs[best])


def measure_inference(figures, workers, rounds, crops):
    times = {(who, task): [] for who, tasks in (("ours", ["inference", "bf16", "int8"]),
                                                ("onnx", ["single", "eight"]),
                                                ("torch", ["eager", "jit", "jit8"]))
             for task in tasks if workers[who]}
    peaks, rates = [], []
    for round_index in range(-2, rounds):  # two rounds to warm up
        seconds, work = workers["ours"].run("peak", 40000)
        peak = work / seconds
        for (who, task), kept in times.items():
            result = workers[who].run(task, crops)
            if round_index < 0 or not result:
                continue
            kept.append(result[0] / crops)
            if task == "inference":
                peaks.append(peak)
                rates.append(result[1] / result[0])
    ours = times[("ours", "inference")]
    figures["fma_peak_gflops"] = statistics.median(peaks)
    figures["inference_gflops"] = statistics.median(rates)
    figures["inference_fraction_of_peak"] = statistics.median(a / b for a, b in zip(rates, peaks))
    figures["inference_ms_per_crop"] = 1e3 * statistics.median(ours)
    for task in PRECISIONS[1:]:
        theirs = times[("ours", task)]
        if theirs:
            figures[f"{task}_vs_fp32"] = statistics.median(a / b for a, b in zip(theirs, ours))
    for who, key in (("onnx", "onnxruntime"), ("torch", "pytorch")):
        theirs = {task: kept for (name, task), kept in times.items() if name == who}
        if theirs:
            ratio, best, seconds = best_ratio(ours, theirs)
            figures[f"vs_{key}"] = ratio
            figures[f"{key}_ms_per_crop"] = 1e3 * seconds
            figures[f"{key}_way"] = best


def measure_training(figures, workers, rounds):
    peaks, rates, ours, theirs = [], [], [], []
    for round_index in range(-1, rounds):
        seconds, work = workers["ours"].run("peak", 40000)
        peak = work / seconds
        spent, done = workers["ours"].run("training", 2)
        peer = workers["torch"].run("training", 2)[0] if workers["torch"] else None
        if round_index >= 0:
            peaks.append(peak)
            rates.append(done / spent)
            ours.append(spent)
            theirs.append(peer)
    figures["training_gflops"] = statistics.median(rates)
    figures["training_fraction_of_peak"] = statistics.median(a / b for a, b in zip(rates, peaks))
    if workers["torch"]:
        figures["vs_pytorch_training"] = statistics.median(a / b for a, b in zip(ours, theirs))


def measure_network(figures, options, photos):
    model = options.model
    workers = {"ours": Worker([tool("bench_network"), model, WORK, str(CROPS)] +
                              photos[:CROPS // 2]), "onnx": None, "torch": None}
    if options.peers:  # ONNX Runtime checks what users get
        subprocess.run([os.path.join(BUILD, "aidetect"), "model", "export",
                        os.path.join(WORK, "model.safetensors"), "--output",
                        os.path.join(WORK, "model.onnx")], check=True)
        workers["onnx"] = start_peer("ONNX Runtime", [
            "node", os.path.join(ROOT, "bench", "peer_onnx.mjs"), WORK, str(CROPS)])
        workers["torch"] = start_peer("PyTorch", [
            "/usr/bin/python3", os.path.join(ROOT, "bench", "peer_torch.py"), WORK, str(CROPS)],
            TORCH_MEMORY)
    for who, key in (("onnx", "onnxruntime"), ("torch", "pytorch")):
        if workers[who]:
            figures[f"{key}_largest_difference"] = largest_difference(who)
    measure_inference(figures, workers, 5 if options.quick else 21, 64)
    measure_training(figures, workers, 3 if options.quick else 9)
    for worker in workers.values():
        if worker:
            worker.close()


# Decoding and whole photos ---------------------------------------------------------------------

def run_json(command, core=None):
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True,
                          preexec_fn=pin(MEASURED_CORE if core is None else core))
    return json.loads(done.stdout)


def measure_decode(figures):
    if not os.path.exists(tool("bench_decode")):
        return
    target = os.path.join(WORK, "decode.json")
    subprocess.run([tool("bench_decode"), "--json", target], check=True,
                   stdout=subprocess.DEVNULL, preexec_fn=pin(MEASURED_CORE))
    with open(target, encoding="utf-8") as file:
        figures["decode_ms_per_mp"] = json.load(file)["decode_ms_per_mp"]


def measure_verdict(figures, options):
    """One 1 MP baseline JPEG from bytes to verdict: each precision, decoding alone, PyTorch."""
    photo = os.path.join(WORK, "photo.jpg")
    folder = os.path.join(WORK, "one_megapixel")
    if not os.path.exists(photo):
        subprocess.run([tool("make_photos"), folder, "1", "1152", "872"], check=True)
        shutil.copy(os.path.join(folder, "00.jpg"), photo)
    ours = Worker([tool("bench_verdict"), os.path.join(WORK, "model.safetensors"), photo])
    theirs = start_peer("PyTorch", [
        "/usr/bin/python3", os.path.join(ROOT, "bench", "peer_torch.py"), WORK, str(CROPS)],
        TORCH_MEMORY) if options.peers else None
    times = {task: [] for task in ("decode",) + PRECISIONS + ("photo",)}
    for round_index in range(-1, 5 if options.quick else 21):
        for task, kept in times.items():
            worker = theirs if task == "photo" else ours
            answer = worker.run(task, 5) if worker else None
            if answer and round_index >= 0:
                kept.append(answer[0] / 5)
    for worker in (ours, theirs):
        if worker:
            worker.close()
    for precision in PRECISIONS:
        for key, base in (("decode", "decode"), ("pytorch", "photo")):
            if times[precision] and times[base]:
                ratios = [a / b for a, b in zip(times[precision], times[base])]
                figures[f"verdict_{precision}_vs_{key}"] = statistics.median(ratios)
        if times[precision]:
            figures[f"verdict_{precision}_ms"] = 1e3 * statistics.median(times[precision])


def measure_photos(figures, options, photos):
    measure_verdict(figures, options)
    count = max(len(photos), 100 if options.quick else 400)
    result = run_json([tool("bench_photo"), os.path.join(WORK, "model.safetensors"), str(count)] +
                      photos)
    figures["scan_images_per_s"] = result["images_per_s"]
    figures["scan_megapixels_per_image"] = result["megapixels"] / result["photos"]
    for stage in ("decode", "crops", "network"):
        figures[f"scan_{stage}_share"] = result[f"{stage}_share"]


# Metrics and drift -----------------------------------------------------------------------------

def drift_cost():
    with tempfile.TemporaryDirectory() as folder:
        return run_json([tool("bench_drift"), folder])


def measure_monitoring(figures, photos):
    """What is watched must cost nothing: scrapes, updates of drift, and these beside a photo."""
    done = subprocess.run([tool("bench_metrics")], stdout=subprocess.PIPE, check=True, text=True,
                          preexec_fn=pin(MEASURED_CORE))
    for line in done.stdout.splitlines():
        result = json.loads(line)
        figures[f"scrape_{result['format']}_ms"] = 1e3 * result["cpu_ms_median"] / result["series"]
    updates, statuses, shares = [], [], []
    for _ in range(3):
        photo = run_json([tool("bench_photo"), os.path.join(WORK, "model.safetensors"), "60"] +
                         photos)
        drift = drift_cost()
        updates.append(drift["update_us"])
        statuses.append(drift["status_us"] / 1e3)
        shares.append(drift["update_us"] * photo["images_per_s"] / 1e6)
    figures["drift_update_us"] = statistics.median(updates)
    figures["drift_status_ms"] = statistics.median(statuses)
    figures["drift_share_of_photo"] = statistics.median(shares)


# Service ---------------------------------------------------------------------------------------

class Server:
    """The real server, or another, on a free port, one worker, pinned to the measured core."""

    def __init__(self, command=None, extra_environment=None):
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command or
            [os.path.join(BUILD, "aidetect"), "serve", "--listen", "127.0.0.1:0", "--model",
             os.path.join(WORK, "model.safetensors"), "--workers", "1"],
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


def load(server, clients, requests, photos):
    return run_json([tool("bench_http"), str(server.port), str(clients), str(requests)] + photos,
                    OTHER_CORE)


def measure_service(figures, options, photos):
    request = build_request(photos[0])
    starts = []
    for _ in range(3 if options.quick else 9):
        server = Server()
        try:
            starts.append(server.first_answer_ms(request))
        finally:
            server.stop()
    figures["start_ms"] = statistics.median(starts)
    server = Server()
    try:
        server.first_answer_ms(request)
        load(server, 1, 50, photos)  # warm
        transport = server.transport_cpu_us()
        alone = load(server, 1, 150 if options.quick else 450, photos)
        transport = server.transport_cpu_us() - transport
        together = load(server, 8, 200 if options.quick else 550, photos)
        figures["rss_mb"] = server.rss_mb()
    finally:
        server.stop()
    figures["rss_after_images"] = 51 + alone["requests"] + together["requests"]
    figures["request_overhead_us"] = alone["overhead_p50_us"]
    figures["request_transport_cpu_us"] = transport / alone["requests"]
    figures["request_overhead_p99_us"] = alone["overhead_p99_us"]
    figures["requests_failed"] = alone["failed"] + together["failed"]
    for key in ("requests_per_s", "latency_p50_ms", "latency_p99_ms"):
        figures[f"predict_8_clients_{key}"] = together[key]


# The least server there can be, and the usual one -----------------------------------------------

def measure_floor(figures, options, photos):
    """A request's cost beyond the kernel's, the client's and the network's: rounds in turn."""
    rounds, count = (3, 100) if options.quick else (7, 150)
    own, floor, transport = [], [], []
    server = Server()
    try:
        server.first_answer_ms(build_request(photos[0]))
        warm = load(server, 1, 100, photos)
        work_ms = max(1, round(warm["latency_p50_ms"] - warm["overhead_p50_us"] / 1e3))
        least = Server([tool("bench_floor"), str(work_ms)])
        try:
            load(least, 1, 20, photos)
            for _ in range(rounds):
                before = server.transport_cpu_us()
                own.append(load(server, 1, count, photos)["overhead_p50_us"])
                transport.append((server.transport_cpu_us() - before) / count)
                floor.append(load(least, 1, count, photos)["overhead_p50_us"])
        finally:
            least.process.send_signal(signal.SIGTERM)
            cpu = json.loads(least.process.stdout.read())["cpu_us"]
            least.process.wait()
    finally:
        server.stop()
    figures["request_floor_us"] = statistics.median(floor)
    figures["request_beyond_floor_us"] = statistics.median(a - b for a, b in zip(own, floor))
    figures["request_floor_cpu_us"] = cpu
    figures["request_beyond_floor_cpu_us"] = statistics.median(transport) - cpu


def health_per_s(server, seconds):
    """GET /health by 16 kept connections of wrk on the other core."""
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}", f"http://127.0.0.1:{server.port}/health"],
        stdout=subprocess.PIPE, check=True, text=True, preexec_fn=pin(OTHER_CORE))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))


def best_within(server, photos, count, p99_ms):
    """Requests a second of the number of clients that gives most without a larger p99."""
    best = None
    for clients in (2, 4, 8, 16):
        found = load(server, clients, count, photos)
        if found["latency_p99_ms"] <= p99_ms and \
                (best is None or found["requests_per_s"] > best["requests_per_s"]):
            best = found
    return best


def measure_usual(figures, options):
    """Against FastAPI, uvicorn and PyTorch: 200 KB photos, one core each, rounds in turn; once more
    in the fastest form of the network that processor and model have."""
    folder = os.path.join(WORK, "large")
    if not os.path.isdir(folder):
        subprocess.run([tool("make_photos"), folder, "12"], check=True)
    photos = [os.path.join(folder, name) for name in sorted(os.listdir(folder))
              if name.endswith(".jpg")]
    rounds, count, seconds = (1, 40, 2) if options.quick else (3, 80, 3)
    ratios, fast_ratios, health, ours_best, theirs_best = [], [], [], [], []
    theirs = Server(["/usr/bin/python3", os.path.join(ROOT, "bench", "peer_fastapi.py"),
                     os.path.join(WORK, "model.safetensors")],
                    {**TORCH_MEMORY, "OMP_NUM_THREADS": "1"})
    ours = Server()
    fast = Server(extra_environment={"AIDETECT_PRECISION": "auto"})
    try:
        for server in (ours, fast, theirs):
            server.first_answer_ms(build_request(photos[0]))
            load(server, 2, 20, photos)
        for _ in range(rounds):
            peer = load(theirs, 4, count, photos)
            mine = best_within(ours, photos, count, peer["latency_p99_ms"])
            if mine:
                ratios.append(mine["requests_per_s"] / peer["requests_per_s"])
                ours_best.append(mine["requests_per_s"])
                theirs_best.append(peer["requests_per_s"])
            mine = best_within(fast, photos, count, peer["latency_p99_ms"])
            if mine:
                fast_ratios.append(mine["requests_per_s"] / peer["requests_per_s"])
            health.append(health_per_s(ours, seconds) / health_per_s(theirs, seconds))
        figures["fastapi_rss_mb"] = theirs.rss_mb()
        figures["vs_fastapi_rss"] = ours.rss_mb() / theirs.rss_mb()
    finally:
        for server in (ours, fast, theirs):
            server.stop()
    figures["vs_fastapi_predict"] = statistics.median(ratios)
    figures["vs_fastapi_predict_fast"] = statistics.median(fast_ratios)
    figures["predict_200_kb_per_s"] = statistics.median(ours_best)
    figures["fastapi_predict_200_kb_per_s"] = statistics.median(theirs_best)
    figures["vs_fastapi_health"] = statistics.median(health)


# Report ----------------------------------------------------------------------------------------

ROWS = (  # key, what, unit, target
    ("fma_peak_gflops", "fp32 multiply-add peak of one core", "GFLOP/s", None),
    ("inference_gflops", "network inference, batch 1", "GFLOP/s", None),
    ("inference_fraction_of_peak", "  of the peak", "", (">=", 0.70)),
    ("training_gflops", "training step, batch 16, AdamW", "GFLOP/s", None),
    ("training_fraction_of_peak", "  of the peak", "", (">=", 0.55)),
    ("inference_ms_per_crop", "one crop, ours", "ms", None),
    ("bf16_vs_fp32", "  in bf16 / in fp32", "x", None),
    ("int8_vs_fp32", "  in int8 / in fp32", "x", None),
    ("onnxruntime_ms_per_crop", "one crop, ONNX Runtime", "ms", None),
    ("vs_onnxruntime", "  our time / its time", "x", ("<=", 1.0)),
    ("onnxruntime_largest_difference", "  largest difference of outputs", "", ("<=", TOLERANCE)),
    ("pytorch_ms_per_crop", "one crop, PyTorch", "ms", None),
    ("vs_pytorch", "  our time / its time", "x", ("<=", 0.6)),
    ("pytorch_largest_difference", "  largest difference of outputs", "", ("<=", TOLERANCE)),
    ("vs_pytorch_training", "training step, our time / PyTorch's", "x", None),
    ("verdict_fp32_ms", "1 MP JPEG, bytes to verdict", "ms", None),
    ("verdict_fp32_vs_decode", "  our time / decoding it", "x", None),
    ("verdict_fp32_vs_pytorch", "  our time / less work in PyTorch", "x", ("<=", 1 / 8)),
    ("verdict_bf16_ms", "  network in bf16", "ms", None),
    ("verdict_bf16_vs_decode", "    our time / decoding it", "x", None),
    ("verdict_bf16_vs_pytorch", "    our time / less work in PyTorch", "x", ("<=", 1 / 8)),
    ("verdict_int8_ms", "  network in int8", "ms", None),
    ("verdict_int8_vs_decode", "    our time / decoding it", "x", None),
    ("verdict_int8_vs_pytorch", "    our time / less work in PyTorch", "x", ("<=", 1 / 8)),
    ("scan_images_per_s", "whole photos on one core", "images/s", None),
    ("scan_megapixels_per_image", "  megapixels a photo", "MP", None),
    ("scan_decode_share", "  share of decoding", "", None),
    ("scan_crops_share", "  share of crops and statistics", "", None),
    ("scan_network_share", "  share of front end and network", "", None),
    ("scrape_text_ms", "scrape of 1,000 series, CPU", "ms", ("<=", 1)),
    ("scrape_openmetrics_ms", "  as OpenMetrics, with traces", "ms", ("<=", 1)),
    ("drift_update_us", "drift, one prediction, CPU", "us", ("<=", 2)),
    ("drift_share_of_photo", "  share of judging a photo", "", ("<=", 0.01)),
    ("drift_status_ms", "drift, full status, CPU", "ms", ("<=", 1)),
    ("predict_8_clients_requests_per_s", "POST /predict, 8 clients, 1 worker", "requests/s", None),
    ("predict_8_clients_latency_p50_ms", "  latency, median", "ms", None),
    ("predict_8_clients_latency_p99_ms", "  latency, 99th percentile", "ms", None),
    ("request_overhead_us", "  1 client: latency less inference_time_ms", "us", ("<=", 300)),
    ("request_floor_us", "  the same of the least server there can be", "us", None),
    ("request_beyond_floor_us", "  overhead beyond that", "us", None),
    ("request_transport_cpu_us", "  CPU outside the worker a request", "us", None),
    ("request_beyond_floor_cpu_us", "  beyond that of the least server", "us", ("<=", 60)),
    ("start_ms", "start to first answer", "ms", ("<=", 150)),
    ("rss_mb", "resident memory after the requests", "MB", ("<=", 120)),
    ("predict_200_kb_per_s", "POST /predict, 200 KB, p99 as FastAPI's", "requests/s", None),
    ("fastapi_predict_200_kb_per_s", "  FastAPI, uvicorn, PyTorch, 4 clients", "requests/s", None),
    ("vs_fastapi_predict", "  ours / theirs", "x", (">=", 8)),
    ("vs_fastapi_predict_fast", "  ... ours with precision auto", "x", (">=", 8)),
    ("vs_fastapi_health", "GET /health, ours / theirs", "x", (">=", 20)),
    ("vs_fastapi_rss", "resident memory, ours / theirs", "x", ("<=", 1 / 6)),
)


def verdict(value, target):
    if target is None or value is None:
        return ""
    met = value >= target[1] if target[0] == ">=" else value <= target[1]
    return f"{target[0]} {target[1]:g} {'met' if met else 'MISSED'}"


def print_table(figures):
    print(f"\nmodel {figures['model']}, photos: {figures['photos']}, "
          f"load before {figures['load_average']:.1f}")
    for key, what, unit, target in ROWS:
        value = figures.get(key)
        shown = "-" if value is None else f"{value:.2e}" if 0 < value < 1e-3 else f"{value:.3f}" \
            if value < 10 else f"{value:.1f}"
        print(f"{what:44} {shown:>10} {unit:11} {verdict(value, target)}")
    for name, value in (figures.get("decode_ms_per_mp") or {}).items():
        print(f"{'decode ' + name:44} {value:10.3f} ms/MP")


def find_model(given):
    if given:
        return given
    folder = os.path.join(ROOT, "models")
    shipped = sorted(name for name in os.listdir(folder) if name.endswith(".safetensors")) \
        if os.path.isdir(folder) else []
    return os.path.join(folder, shipped[-1]) if shipped \
        else os.path.join(ROOT, "configs", "network.txt")


def attempt(what, function, *arguments):
    """A part that fails is reported and leaves its figures null."""
    say(f"measuring {what} ...")
    try:
        function(*arguments)
    except (OSError, subprocess.CalledProcessError, KeyError, ValueError) as problem:
        say(f"{what}: {problem}")


def main():
    parser = argparse.ArgumentParser(description="benchmarks of aidetect")
    parser.add_argument("--model", help="weights file or network description")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--only", choices=["network", "decoding", "photos", "monitoring",
                                           "service", "floor", "fastapi"], help="one part")
    options = parser.parse_args()
    options.model = find_model(options.model)
    photos, source = pick_photos(60)
    figures = dict.fromkeys(KEYS)
    figures.update(model=os.path.relpath(options.model, ROOT), photos=source,
                   load_average=os.getloadavg()[0])
    parts = {
        "network": (measure_network, figures, options, photos),
        "decoding": (measure_decode, figures),
        "photos": (measure_photos, figures, options, photos),
        "monitoring": (measure_monitoring, figures, photos),
        "service": (measure_service, figures, options, photos),
        "floor": (measure_floor, figures, options, photos),
        "fastapi": (measure_usual, figures, options),
    }
    os.makedirs(WORK, exist_ok=True)
    if options.only and options.model.endswith(".safetensors"):
        shutil.copy(options.model, os.path.join(WORK, "model.safetensors"))
    for part, call in parts.items():
        if options.only in (None, part) and (options.peers or part != "fastapi"):
            attempt(part, *call)
    print_table(figures)
    with open(os.path.join(ROOT, "build", "bench.json"), "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")


main()
