"""The service beside the usual one, FastAPI with uvicorn and PyTorch, one core each.

Both give the same answers to the same JPEGs of 200 KB.  First a few clients that each wait for
their answer; then requests that arrive by chance, as those of many users do, at ever larger shares
of what a server can do: what it can do within a given 99th percentile of the latency."""
import math
import os
import re
import statistics
import subprocess

from harness import MODEL, OTHER_CORE, PYTHON, ROOT, TORCH_MEMORY, Server, Worker, \
    build_request, crop_count, large_photos, load, pin, tool

CONNECTIONS = 64  # more than ever wait
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of what a server can do
WITHIN_MS = (50, 100, 200, 500)


def health_per_s(server, seconds):
    """GET /health by 16 kept connections of wrk on the other core."""
    done = subprocess.run(
        ["wrk", "-t1", "-c16", f"-d{seconds}", f"http://127.0.0.1:{server.port}/health"],
        stdout=subprocess.PIPE, check=True, text=True, preexec_fn=pin(OTHER_CORE))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))


def best_within(server, photos, count, p99_ms):
    """Figures of the number of clients that gives most without a larger p99; None: none does."""
    tried = [load(server, clients, count, photos) for clients in (2, 4, 8)]
    good = [found for found in tried if found["latency_p99_ms"] <= p99_ms and not found["failed"]]
    return max(good, key=lambda found: found["requests_per_s"], default=None)


def compare_clients(figures, servers, photos, rounds, count):
    """Requests a second with no larger p99 than the usual service's with four clients."""
    ratios = {"ours": [], "fast": []}
    rates = {"ours": [], "fast": [], "usual": []}
    for _ in range(rounds):
        usual = load(servers["usual"], 4, count, photos)
        rates["usual"].append(usual["requests_per_s"])
        for name, kept in ratios.items():
            best = best_within(servers[name], photos, count, usual["latency_p99_ms"])
            if best:
                kept.append(best["requests_per_s"] / usual["requests_per_s"])
                rates[name].append(best["requests_per_s"])
    figures["fastapi_predict_200_kb_per_s"] = statistics.median(rates["usual"])
    for name, key in (("ours", ""), ("fast", "_fast")):
        figures[f"predict_200_kb_per_s{key}"] = statistics.median(rates[name])
        figures[f"vs_fastapi_predict{key}"] = statistics.median(ratios[name])


def bound_by_arithmetic(figures, photo):
    """What decoding and the network in its fastest form, and nothing else, would reach."""
    worker = Worker([tool("bench_verdict"), MODEL, photo])
    (seconds,) = worker.run("decode", 50)
    worker.close()
    if figures.get("int8_vs_fp32"):
        crop_ms = figures["inference_ms_per_crop"] * figures["int8_vs_fp32"]
        photo_s = seconds / 50 + crop_count() * crop_ms / 1e3
        figures["floor_vs_fastapi_predict"] = 1 / photo_s / figures["fastapi_predict_200_kb_per_s"]


def rate_within(points, p99_ms):
    """The largest rate whose p99 is still within; between two that were measured, on a line."""
    below, above = None, None
    for point in points:
        if point[1] > p99_ms:
            above = point
            break
        below = point
    if below is None:
        return 0
    if above is None or math.isinf(above[1]):
        return below[0]
    return below[0] + (above[0] - below[0]) * (p99_ms - below[1]) / (above[1] - below[1])


def compare_rates(figures, servers, photos, count, shares):
    """Rates of chance arrivals and their p99; a rate at which any is refused is too large."""
    points, full = {}, {}
    for name, server in servers.items():
        points[name] = [(0, load(server, 1, count, photos)["latency_p99_ms"])]
        full[name] = load(server, 4, count, photos)["requests_per_s"]
    for share in shares:
        for name, server in servers.items():
            rate = share * full[name]
            found = load(server, CONNECTIONS, count, photos, rate)
            points[name].append((rate, math.inf if found["failed"] else found["latency_p99_ms"]))
    figures["rates"] = {name: [[rate, None if math.isinf(p99) else p99] for rate, p99 in kept]
                        for name, kept in points.items()}
    for p99_ms in WITHIN_MS:
        rates = {name: rate_within(kept, p99_ms) for name, kept in points.items()}
        figures[f"fastapi_within_{p99_ms}_ms"] = rates["usual"]
        for name, key in (("ours", ""), ("fast", "_fast")):
            figures[f"within_{p99_ms}_ms{key}"] = rates[name]
            if rates["usual"]:
                figures[f"vs_fastapi_within_{p99_ms}_ms{key}"] = rates[name] / rates["usual"]


def compare_health(figures, servers, rounds, seconds):
    """GET /health; and by the least server there can be, which is as much as anybody can do."""
    ratios, possible = [], []
    least = Server([tool("bench_floor"), "0"])
    try:
        for _ in range(rounds):
            usual = health_per_s(servers["usual"], seconds)
            ratios.append(health_per_s(servers["ours"], seconds) / usual)
            possible.append(health_per_s(least, seconds) / usual)
    finally:
        least.stop()
    figures["vs_fastapi_health"] = statistics.median(ratios)
    figures["floor_vs_fastapi_health"] = statistics.median(possible)


def measure_usual(figures, options):
    photos = large_photos()
    patient = {"AIDETECT_QUEUE_WAIT_MS": "60000"}  # refuses nothing, as the usual service
    servers = {}
    try:
        servers["ours"] = Server(extra_environment=patient)
        servers["fast"] = Server(extra_environment={**patient, "AIDETECT_PRECISION": "auto"})
        servers["usual"] = Server([PYTHON, os.path.join(ROOT, "bench", "peer_fastapi.py"), MODEL],
                                  {**TORCH_MEMORY, "OMP_NUM_THREADS": "1"})
        for server in servers.values():
            server.first_answer_ms(build_request(photos[0]))
            load(server, 2, 20, photos)
        rounds, count, seconds = (1, 40, 2) if options.quick else (3, 120, 3)
        compare_clients(figures, servers, photos, rounds, count)
        bound_by_arithmetic(figures, photos[0])
        compare_health(figures, servers, rounds, seconds)
        figures["fastapi_rss_mb"] = servers["usual"].rss_mb()
        figures["vs_fastapi_rss"] = servers["ours"].rss_mb() / figures["fastapi_rss_mb"]
        compare_rates(figures, servers, photos, 60 if options.quick else 600,
                      SHARES[1::3] if options.quick else SHARES)
    finally:
        for server in servers.values():
            server.stop()
