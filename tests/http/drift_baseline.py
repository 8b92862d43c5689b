"""Drift with a baseline: made of the prediction log by the command, taken up by the running service,
shown by /monitoring/drift, /health and /metrics, kept over a restart, rebased with the threshold."""
import json
import math
import os
import random
import sqlite3
import subprocess
import time

from run import check, form_body

COLUMNS = ("run, sequence, time_us, request_id, photo_sha256, photo_bytes, width, height, probability, "
           "ai_generated, confidence, threshold, model_version, model_hash, queue_us, inference_us, "
           "key_id, evidence, embedding")
SETTINGS = ("--set", "drift.minimum=3", "--set", "predictions.interval_ms=1")


def drift(server):
    return json.loads(server.get("/monitoring/drift")[1])


def predict(server, count):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    for i in range(count):
        connection = server.connection()
        connection.request("POST", "/predict?detail=full", body, {
            "Content-Type": content_type, "X-Request-ID": f"photo-{i}"})
        answer = connection.getresponse()
        verdict = json.loads(answer.read())
        check(answer.status == 200, verdict)
        connection.close()
    return verdict


def command(server, *arguments):
    done = subprocess.run(
        [os.path.join(server.build, "aidetect"), "drift", *arguments], capture_output=True,
        env={**os.environ, "AIDETECT_DATA": os.path.join(server.folder, "data"),
             "AIDETECT_DRIFT_MINIMUM": "3"}, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def drawn(rng, i):
    """Two thirds real, a third AI-generated."""
    return rng.betavariate(1.2, 9) if i % 3 else rng.betavariate(7, 1)


def fill_log(server, verdict, count, first_us, probability=drawn, embedding=lambda: 0):
    """A calm time: one prediction every two seconds."""
    rng = random.Random(4)
    rows = []
    for i in range(count):
        p = probability(rng, i)
        rows.append((1, i, first_us + i * 2000000, f"calm-{i}", "0" * 64, 60000, 640, 480, p,
                     p >= verdict["threshold"], 2, verdict["threshold"], verdict["model_version"],
                     verdict["model_hash"], 0, 1, "", 0, embedding()))
    database = sqlite3.connect(os.path.join(server.folder, "data", "aidetect.db"), timeout=60)
    database.executemany(f"INSERT INTO predictions ({COLUMNS}) VALUES ({','.join('?' * 19)})", rows)
    database.commit()
    database.close()
    return rows


def wait_baseline(server, name):
    while drift(server)["baseline"] != name:
        check(server.process.poll() is None, "the server ended")


def life(start):
    server = start(*SETTINGS)
    code, _, err = command(server, "status")
    check(code == 74 and "no prediction that fits" in err, err)
    verdict = predict(server, 1)
    before = drift(server)
    check(before["drift_detected"] is None and before["diagnosis"] is None, before)
    code, out, err = command(server, "status", "--url", f"http://127.0.0.1:{server.port}")
    check(code == 0 and "level       unknown" in out, out + err)
    code, out, err = command(server, "status", "--url", f"http://127.0.0.1:{server.port}/nowhere")
    check(code == 2 and "the service answered 404" in err, out + err)
    metrics = server.metrics()
    check(math.isnan(metrics["aidetect_drift_score"]), "a score without a baseline")
    check(metrics["aidetect_drift_baseline_loaded"] == 0, metrics)

    fill_log(server, verdict, 2000, int(1e6 * (time.time() - 3 * 86400)))
    code, out, err = command(server, "baseline", "save", "--until", "1d")
    check(code == 0 and out.splitlines()[1].split()[2:4] == ["1", "2000"], out + err)
    wait_baseline(server, "version 1")
    predict(server, 5)
    after = drift(server)
    check(after["drift_detected"] is True and after["level"] == "critical", after)
    check(after["action"] == "human_review" and after["drift_score"] > 0.4, after)
    check(after["prediction_ratio"]["ai_generated"] == 1, after)
    check(abs(after["baseline_figures"]["prediction_ratio"]["ai_generated"] - 0.33) < 0.03, after)
    check(any(alert.startswith("probability drift") for alert in after["alerts"]), after)
    check(len(after["detectors"]) == 3 and after["run_length"] == 1500000, after)
    check(after["diagnosis"]["shifts"][0]["name"] == "logit", after)
    check(after["diagnosis"]["examples"] == [f"photo-{i}" for i in (4, 3, 2, 1, 0)], after)
    code, out, err = command(server, "status", "--url", f"http://127.0.0.1:{server.port}/")
    check(code == 1 and "level       critical, drift score" in out, out + err)
    check("examples    photo-4\n            photo-3" in out and "what moved" in out, out + err)
    check(json.loads(server.get("/health")[1])["drift_detected"] is True, "health")
    metrics = server.metrics()
    check(abs(metrics["aidetect_drift_score"] - after["drift_score"]) < 1e-6, metrics)
    check(metrics["aidetect_drift_detected"] == 1, metrics)
    check(metrics["aidetect_drift_window_predictions"] == 6, metrics)
    check(metrics["aidetect_drift_baseline_predictions"] == 2000, metrics)
    check(server.stop() == 0, "did not end with 0")
    return after


def restart(start, before):
    """Window and sums go on; another threshold rebases the baseline: no alarm of its own."""
    server = start(*SETTINGS)
    wait_baseline(server, "version 1")
    after = drift(server)
    check(after["window_size"] == 6, after)
    check(abs(after["mean_probability"] - before["mean_probability"]) < 1e-6, after)
    levels = [[round(d["level"], 6) for d in answer["detectors"]] for answer in (before, after)]
    check(levels[0] == levels[1], levels)
    check(server.stop() == 0, "did not end with 0")
    server = start(*SETTINGS, "--threshold", "0.3")
    wait_baseline(server, "version 1")
    after = drift(server)
    check(after["baseline_figures"]["rebased"] and after["threshold"] == 0.3, after)
    check(after["baseline_figures"]["prediction_ratio"]["ai_generated"] >
          before["baseline_figures"]["prediction_ratio"]["ai_generated"], after)
    check(after["window_size"] == 6 and after["alarm"] is None, after)
    check(server.stop() == 0, "did not end with 0")


def commands(start):
    server = start(*SETTINGS)
    predict(server, 3)
    while server.metrics()["aidetect_prediction_log_written_total"] < 3:
        pass
    code, out, err = command(server, "status")
    check(code == 1 and "level       critical" in out and "classifier of new" in out, out + err)
    code, out, err = command(server, "baseline", "save", "--until", "1d")
    check(code == 0, err)
    wait_baseline(server, "version 2")  # the newest counts
    code, out, err = command(server, "baseline", "show")
    check(code == 0 and len(out.splitlines()) == 3, out + err)
    code, out, err = command(server, "history")
    check(code == 0 and "version 2 of 2000 predictions in use" in out, out + err)
    check("critical, was none" in out, out)
    check(server.stop() == 0, "did not end with 0")


def broken(start):
    """A state and a baseline that are no such things: told, and the service runs."""
    server = start(*SETTINGS)
    folder = os.path.join(server.folder, "data", "drift")
    check(server.stop() == 0, "did not end with 0")
    baselines = os.path.join(folder, "baselines")
    for path in [os.path.join(folder, "state.json")] + [
            os.path.join(baselines, name) for name in os.listdir(baselines)]:
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"format":"aidetect drift')
    server = start(*SETTINGS)
    server.wait_log("event=drift.state_refused")
    server.wait_log("event=drift.baseline_refused")
    check(drift(server)["window_size"] == 0, "a window out of nothing")
    predict(server, 1)
    check(drift(server)["window_size"] == 1, "no window")
    check(server.stop() == 0, "did not end with 0")


def run(start):
    before = life(start)
    print("ok      life")
    restart(start, before)
    print("ok      restart")
    for case in (commands, broken):
        case(start)
        print("ok     ", case.__name__)
