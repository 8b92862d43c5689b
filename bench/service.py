"""The service alone: overhead of a request, start, memory, and the least server there can be."""
import json
import signal
import statistics

from harness import Server, build_request, load, tool


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
