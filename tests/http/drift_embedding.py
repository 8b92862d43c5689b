"""Drift of what photos look like: a model that gives embeddings, a log that keeps them, a baseline made of
it, a detector, and the generator that is most alike - from the log and over the network."""
import csv
import io
import os
import random
import subprocess

from drift_baseline import command, drift, fill_log, predict, wait_baseline
from run import check

SETTINGS = ("--set", "drift.minimum=3", "--set", "predictions.interval_ms=1", "--set", "drift.burst_limit=1000")


def exported(server):
    """The newest record of the log, as an export shows it."""
    done = subprocess.run([os.path.join(server.build, "aidetect"), "predictions", "export", "--format", "csv"],
                          capture_output=True, text=True, check=True,
                          env={**os.environ, "AIDETECT_DATA": os.path.join(server.folder, "data")})
    return list(csv.DictReader(io.StringIO(done.stdout)))[-1]


def packed(places):
    """As a signed number of 64 bits, which is what databases have."""
    bits = sum(max(0, min(15, round(place * 2) + 8)) << 4 * i for i, place in enumerate(places)) or 1
    return bits - (1 << 64) if bits >> 63 else bits


def around(digits, rng):
    """An embedding a little away from the middle between that photo's and nothing special."""
    return packed([((int(digit, 16) - 8) / 4) + rng.gauss(0, 1) for digit in reversed(digits)])


def run(start):
    server = start(*SETTINGS, model="looking")
    verdict = predict(server, 1)
    while server.metrics()["aidetect_prediction_log_written_total"] < 1:
        pass
    digits = exported(server)["embedding"]
    check(len(digits) == 16 and digits != "0" * 16, digits)
    rng = random.Random(1)
    # Verdicts will be as ever: only the looks change.
    fill_log(server, verdict, 3000, 1700000000000000, lambda *_: verdict["probability"],
             lambda: around(digits, rng))
    code, out, err = command(server, "baseline", "save", "--until", "1d")
    check(code == 0, out + err)
    wait_baseline(server, "version 1")
    predict(server, 200)
    answer = drift(server)
    check([one["name"] for one in answer["detectors"]][3:] == ["embedding"], answer["detectors"])
    check(answer["alarm"]["detector"] == "embedding" and "look different" in answer["alarm"]["what"], answer)
    check(answer["diagnosis"]["examples"] == [f"photo-{i}" for i in (199, 198, 197, 196, 195)], answer)
    embedding = answer["diagnosis"]["embedding"]
    check(embedding["photos"] >= 200 and embedding["shift"] > 1 and embedding["z"] > 100, embedding)
    check(len(embedding["baseline"]) == len(embedding["window"]) == 16, embedding)
    scores = os.path.join(server.folder, "scores.tsv")
    with open(scores, "w", encoding="ascii") as file:
        file.write("label\tfamily\tprobability\tembedding\n")
        for _ in range(20):
            file.write(f"ai\tfresh\t0.5\t{digits}\nai\tother\t0.5\t{rng.getrandbits(64):016x}\n")
    for where in (("--url", f"http://127.0.0.1:{server.port}"), ()):
        code, out, err = command(server, "status", "--scores", scores, *where)
        check("looks like  fresh (cosine " in out, f"{code} {out} {err}")
        check("embedding: " in out and " deviations from the baseline's" in out, out)
    check(server.stop() == 0, "did not end with 0")
    server = start(*SETTINGS, model="looking")
    wait_baseline(server, "version 1")
    check(drift(server)["diagnosis"]["examples"][0] == "photo-199", "what the alarm pointed at is forgotten")
    check(server.stop() == 0, "did not end with 0")
