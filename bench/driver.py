"""Measures everything that bench/run.sh reports: a table, and build/bench.json.

Standard library only.  Ratios come from interleaved runs (ours, peer, ours, peer ...) of processes
that wait for orders, all pinned to one core, in CPU time; a ratio is the median over rounds of
our time / their time in the same round.
"""
import argparse
import array
import json
import os
import shutil
import statistics
import subprocess
import tempfile

from harness import BUILD, MEASURED_CORE, MODEL, PYTHON, ROOT, TORCH_MEMORY, WORK, Worker, pin, \
    run_json, say, start_peer, tool
from service import measure_floor, measure_service
from usual import WITHIN_MS, measure_usual

PHOTOS = os.path.join(ROOT, "..", "shared", "data", "photos")
CROPS = 16  # half from photos, half noise
TOLERANCE = 1e-4
PEERS_ONLY = ("agreement", "fastapi")  # parts
PRECISIONS = ("fp32", "bf16", "int8")
KEYS = ("fma_peak_gflops inference_fraction_of_peak training_fraction_of_peak vs_onnxruntime "
        "vs_pytorch decode_ms_per_mp scan_images_per_s request_overhead_us start_ms rss_mb").split()


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
                        MODEL, "--output",
                        os.path.join(WORK, "model.onnx")], check=True)
        workers["onnx"] = start_peer("ONNX Runtime", [
            "node", os.path.join(ROOT, "bench", "peer_onnx.mjs"), WORK, str(CROPS)])
        workers["torch"] = start_peer("PyTorch", [
            PYTHON, os.path.join(ROOT, "bench", "peer_torch.py"), WORK, str(CROPS)],
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

def measure_decode(figures):
    if not os.path.exists(tool("bench_decode")):
        return
    target = os.path.join(WORK, "decode.json")
    subprocess.run([tool("bench_decode"), "--json", target], check=True,
                   stdout=subprocess.DEVNULL, preexec_fn=pin(MEASURED_CORE))
    with open(target, encoding="utf-8") as file:
        figures["decode_ms_per_mp"] = json.load(file)["decode_ms_per_mp"]


def measure_verdict(figures, options):
    """One 1 MP baseline JPEG from bytes to verdict: each precision, decoding alone, Python."""
    photo = os.path.join(WORK, "photo.jpg")
    folder = os.path.join(WORK, "one_megapixel")
    if not os.path.exists(photo):
        subprocess.run([tool("make_photos"), folder, "1", "1152", "872"], check=True)
        shutil.copy(os.path.join(folder, "00.jpg"), photo)
    ours = Worker([tool("bench_verdict"), MODEL, photo])
    theirs = start_peer("PyTorch", [
        PYTHON, os.path.join(ROOT, "bench", "peer_torch.py"), WORK, str(CROPS)],
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


def measure_agreement(figures, options):
    """The largest difference of a probability from what reference.py makes of the same bytes."""
    photos, _ = pick_photos(60 if options.quick else 1000000)

    def answers(command, key, **more):
        done = subprocess.run(command + photos, stdout=subprocess.PIPE, text=True, **more)
        rows = map(json.loads, done.stdout.splitlines())
        return {row[key]: row["probability"] for row in rows if "probability" in row}

    ours = answers([os.path.join(BUILD, "aidetect"), "scan", "--quiet", "--format", "jsonl",
                    "--model", MODEL], "path")
    theirs = answers([PYTHON, os.path.join(ROOT, "bench", "reference.py"), MODEL], "file",
                     env={**os.environ, **TORCH_MEMORY, "OMP_NUM_THREADS": "1"})
    both = ours.keys() & theirs.keys()
    figures["reference_photos"] = len(both)
    figures["reference_largest_difference"] = max(abs(ours[path] - theirs[path]) for path in both)


def measure_photos(figures, options, photos):
    measure_verdict(figures, options)
    count = max(len(photos), 100 if options.quick else 400)
    result = run_json([tool("bench_photo"), MODEL, str(count)] +
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
        photo = run_json([tool("bench_photo"), MODEL, "60"] +
                         photos)
        drift = drift_cost()
        updates.append(drift["update_us"])
        statuses.append(drift["status_us"] / 1e3)
        shares.append(drift["update_us"] * photo["images_per_s"] / 1e6)
    figures["drift_update_us"] = statistics.median(updates)
    figures["drift_status_ms"] = statistics.median(statuses)
    figures["drift_share_of_photo"] = statistics.median(shares)


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
    ("reference_photos", "photos judged by both programs", "", None),
    ("reference_largest_difference", "  largest difference from PyTorch", "", ("<=", TOLERANCE)),
    ("verdict_fp32_ms", "1 MP JPEG, bytes to verdict", "ms", None),
    ("verdict_fp32_vs_decode", "  our time / decoding it", "x", None),
    ("verdict_fp32_vs_pytorch", "  our time / the same in PyTorch", "x", ("<=", 1 / 8)),
    ("verdict_bf16_ms", "  network in bf16", "ms", None),
    ("verdict_bf16_vs_decode", "    our time / decoding it", "x", None),
    ("verdict_bf16_vs_pytorch", "    our time / the same in PyTorch", "x", ("<=", 1 / 8)),
    ("verdict_int8_ms", "  network in int8", "ms", None),
    ("verdict_int8_vs_decode", "    our time / decoding it", "x", None),
    ("verdict_int8_vs_pytorch", "    our time / the same in PyTorch", "x", ("<=", 1 / 8)),
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
    ("predict_200_kb_per_s_fast", "  with precision auto", "requests/s", None),
    ("fastapi_predict_200_kb_per_s", "  FastAPI, uvicorn, PyTorch, 4 clients", "requests/s", None),
    ("vs_fastapi_predict", "  ours / theirs", "x", (">=", 8)),
    ("vs_fastapi_predict_fast", "  ... ours with precision auto", "x", (">=", 8)),
    ("floor_vs_fastapi_predict", "  decoding and int8 network alone / theirs", "x", None),
    *(row for ms in WITHIN_MS for row in (
        (f"within_{ms}_ms_fast", f"arrivals by chance, p99 <= {ms} ms, auto", "requests/s", None),
        (f"fastapi_within_{ms}_ms", "  FastAPI, uvicorn, PyTorch", "requests/s", None),
        (f"vs_fastapi_within_{ms}_ms", "  ours / theirs", "x", (">=", 8)),
        (f"vs_fastapi_within_{ms}_ms_fast", "  ... ours with precision auto", "x", (">=", 8)))),
    ("vs_fastapi_health", "GET /health, ours / theirs", "x", (">=", 20)),
    ("floor_vs_fastapi_health", "  the least server there can be / theirs", "x", None),
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
    parser.add_argument("--only", choices=["network", "decoding", "agreement", "photos",
                                           "monitoring", "service", "floor", "fastapi"], help="one part")
    options = parser.parse_args()
    options.model = find_model(options.model)
    photos, source = pick_photos(60)
    figures = dict.fromkeys(KEYS)
    figures.update(model=os.path.relpath(options.model, ROOT), photos=source,
                   load_average=os.getloadavg()[0])
    parts = {
        "network": (measure_network, figures, options, photos),
        "decoding": (measure_decode, figures),
        "agreement": (measure_agreement, figures, options),
        "photos": (measure_photos, figures, options, photos),
        "monitoring": (measure_monitoring, figures, photos),
        "service": (measure_service, figures, options, photos),
        "floor": (measure_floor, figures, options, photos),
        "fastapi": (measure_usual, figures, options),
    }
    os.makedirs(WORK, exist_ok=True)
    if options.only and options.model.endswith(".safetensors"):
        shutil.copy(options.model, MODEL)
    for part, call in parts.items():
        if options.only in (None, part) and (options.peers or part not in PEERS_ONLY):
            attempt(part, *call)
    print_table(figures)
    with open(os.path.join(ROOT, "build", "bench.json"), "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
