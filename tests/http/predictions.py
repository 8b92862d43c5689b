"""The prediction log: what was answered before SIGTERM is in the database; what a kill -9 takes is
less than a batch; nothing is kept when it is switched off."""
import csv
import hashlib
import json
import os
import signal
import sqlite3
import subprocess

from run import check, form_body


def predict(server, count):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    for i in range(count):
        connection = server.connection()
        connection.request("POST", "/predict", body, {"Content-Type": content_type,
                                                      "X-Request-ID": f"shop-{i}"})
        check(connection.getresponse().status == 200, "not answered")
        connection.close()


def rows(server, sql="SELECT * FROM predictions ORDER BY sequence"):
    path = os.path.join(server.folder, "data", "aidetect.db")
    database = sqlite3.connect(path)
    database.row_factory = sqlite3.Row
    found = database.execute(sql).fetchall()
    database.close()
    return found


def fine_stop(start):
    server = start("--set", "predictions.interval_ms=60000")
    predict(server, 3)
    metrics = server.metrics()
    check(metrics["aidetect_prediction_log_waiting"] == 3, metrics)
    check(metrics["aidetect_prediction_log_up"] == 1, metrics)
    before = len(rows(server))
    check(server.stop() == 0, "did not end with 0")
    found = rows(server)
    check(len(found) == before + 3, f"{len(found)} records")
    last = found[-1]
    check([row["request_id"] for row in found[-3:]] == ["shop-0", "shop-1", "shop-2"], found)
    check(len(last["photo_sha256"]) == 64 and last["photo_bytes"] > 1000, dict(last))
    check(last["sample_rate"] == 0 and not os.path.exists(
        os.path.join(server.folder, "data", "review")), "a photo was kept")
    check(last["threshold"] > 0 and last["model_hash"] and last["inference_us"] > 0, dict(last))
    check(last["ai_generated"] == (last["probability"] >= last["threshold"]), dict(last))
    check(last["decision"] in (1, 2 * last["ai_generated"]), dict(last))


def killed(start):
    server = start("--set", "predictions.batch_rows=4", "--set", "predictions.interval_ms=60000")
    before = len(rows(server))
    predict(server, 15)
    while server.metrics()["aidetect_prediction_log_written_total"] < 11:
        pass  # half batches go by themselves
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    kept = len(rows(server)) - before
    check(11 <= kept <= 15, f"{kept} of 15 kept, batches of 4")


def review(start):
    """A photo that is kept for review is the one of the record."""
    server = start("--set", "review.sample_rate=1", "--set", "predictions.interval_ms=60000")
    predict(server, 3)
    check(server.stop() == 0, "did not end with 0")
    found = rows(server, "SELECT * FROM predictions WHERE sample_rate > 0 ORDER BY sequence")
    folder = os.path.join(server.folder, "data", "review")
    kept = sorted(os.listdir(folder))
    check(len(found) == len(kept) == 3, f"{len(found)} {kept}")
    for row, name in zip(found, kept):
        check(row["sample_rate"] == 1 and row["photo_sha256"] in name, f"{dict(row)} {name}")
        with open(os.path.join(folder, name), "rb") as file:
            photo = file.read()
        check(hashlib.sha256(photo).hexdigest() == row["photo_sha256"], name)


def review_needs_records(start):
    server = start()
    check(server.stop() == 0, "did not end with 0")
    done = subprocess.run(
        [os.path.abspath(os.path.join(server.build, "aidetect")), "serve", "--config", "/dev/null", "--listen",
         "127.0.0.1:0", "--model", os.path.join(server.folder, "model.safetensors"), "--set",
         "review.sample_rate=0.5", "--set", "predictions.log=false"], capture_output=True,
        cwd=server.folder, text=True, check=False)
    check(done.returncode != 0 and "predictions.log is off" in done.stderr, done.stderr)


def switched_off(start):
    server = start("--set", "predictions.log=false")
    before = len(rows(server))
    predict(server, 2)
    check(server.stop() == 0, "did not end with 0")
    check(len(rows(server)) == before, "kept all the same")


def command(server, *arguments):
    done = subprocess.run(
        [os.path.join(server.build, "aidetect"), "predictions", *arguments], capture_output=True,
        env={**os.environ, "AIDETECT_DATA": os.path.join(server.folder, "data")}, text=True,
        check=False)
    check(done.returncode == 0, done.stderr)
    return done.stdout.splitlines()


def exports(start):
    """The command reads the database while the service has it open."""
    server = start("--set", "predictions.interval_ms=1")
    predict(server, 2)
    while server.metrics()["aidetect_prediction_log_written_total"] < 2:
        pass
    records = [json.loads(line) for line in command(server, "export", "--format", "jsonl")]
    table = list(csv.DictReader(command(server, "export", "--since", "1h")))
    check(len(records) == len(table) == len(rows(server)), f"{len(records)} {len(table)}")
    for record, line in zip(records, table):
        check(list(record) == list(line), f"{list(record)} {list(line)}")
        check([str(value) for value in record.values()] == list(line.values()) or
              record["probability"] == float(line["probability"]), line)
    columns = [line.split()[0] for line in command(server, "export", "--format", "columns")]
    check(columns == list(records[0]), columns)
    check(command(server, "export", "--until", "1h") == [",".join(columns)], "none is that old")
    model = records[0]["model_version"]
    count = command(server, "stats", "--model", records[0]["model_sha256"][:8])
    check(count[1].split()[:2] == [model, str(len(records))], count)
    other = {"real": "ai_generated", "ai_generated": "real"}[records[0]["prediction"]]
    check(len(command(server, "list", "--verdict", other)) == 1, "the other verdict")
    decisions = {"real", "unsure", "ai_generated"}
    check({record["decision"] for record in records} <= decisions, records[0])
    for decision in decisions:
        count = sum(record["decision"] == decision for record in records)
        lines = command(server, "list", "--limit", "1000", "--decision", decision)[1:]
        check(len(lines) == count and all(decision in line for line in lines), lines)
    found = command(server, "list", "--limit", "1", "--request", "shop-1")
    check(len(found) == 2 and found[1].endswith(" shop-1"), found)
    check(server.stop() == 0, "did not end with 0")


def run(start):
    for case in (fine_stop, killed, review, review_needs_records, switched_off, exports):
        case(start)
        print("ok     ", case.__name__)
