"""POST /admin/model: another model without a pause; a bad one, or a name that is none, changes
nothing."""
import json
import os
import shutil
import subprocess
import threading

from run import check, form_body


def ask(server, name):
    connection = server.connection()
    connection.request("POST", "/admin/model", json.dumps({"model": name}),
                       {"Content-Type": "application/json"})
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    return answer.status, value


def verdict(server):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    connection = server.connection()
    connection.request("POST", "/predict", body, {"Content-Type": content_type})
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    check(answer.status == 200, f"got {answer.status} {value}")
    return value["prediction"]


def changes(server):
    status, value = ask(server, "other")
    check(status == 200 and value["changed"] is True, f"got {status} {value}")
    check(verdict(server) == "real", "the old model answers")
    status, value = ask(server, "other.safetensors")
    check(status == 200 and value["changed"] is False, f"got {status} {value}")
    result = subprocess.run([os.path.join(server.build, "aidetect"), "model", "use", "model", "--url",
                             f"http://127.0.0.1:{server.port}"], check=True, capture_output=True)
    check(result.stdout.endswith(b" is in use\n"), f"said {result.stdout}")
    check(verdict(server) == "ai_generated", "the command did not change the model")


def refuses(server):
    for name, expected in [("absent", 404), ("broken", 400), ("../other", 400), ("/etc/passwd", 400),
                           ("", 400), (".hidden", 400), ("a" * 101, 400), (7, 400)]:
        status, value = ask(server, name)
        check(status == expected, f"{name!r}: got {status} {value}")
        check(verdict(server) == "ai_generated", f"{name!r} changed the model")
    metrics = server.metrics()
    check(metrics['aidetect_model_swaps_total{outcome="failure"}'] == 2, "failures are not counted")


def under_load(server):
    stopping, seen = threading.Event(), []

    def predict():
        while not stopping.is_set():
            seen.append(verdict(server))

    threads = [threading.Thread(target=predict, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(6):
        status, value = ask(server, ["other", "model"][i % 2])
        check(status == 200 and value["changed"], f"got {status} {value}")
    stopping.set()
    for thread in threads:
        thread.join()
    check(set(seen) <= {"real", "ai_generated"} and seen, f"saw {set(seen)}")


def audited(server):
    """What is about to be done is recorded before it is done; what cannot be recorded is not."""
    path = os.path.join(server.folder, "data", "audit.jsonl")
    status, value = ask(server, "other")
    check(status == 200 and value["changed"], f"got {status} {value}")
    server.get("/healthz")  # the outcome is written once the answer has left
    with open(path, encoding="utf-8") as file:
        last = [json.loads(line) for line in file][-2:]
    check([line["outcome"] for line in last] == ["accepted", "status 200"], last)
    check(last[0]["request_id"] == last[1]["request_id"], last)
    os.rename(path, path + ".kept")
    os.mkdir(path)  # not even root can append to a folder
    status, value = ask(server, "model")
    check(status == 503 and "audit" in value["detail"], f"got {status} {value}")
    check(verdict(server) == "real", "changed without a record")
    os.rmdir(path)
    os.rename(path + ".kept", path)
    status, value = ask(server, "model")
    check(status == 200 and value["changed"], f"got {status} {value}")


def run(start):
    server = start()
    shutil.copy(server.made("make_model", "real", "real.safetensors"),
                os.path.join(server.folder, "other.safetensors"))
    with open(os.path.join(server.folder, "broken.safetensors"), "wb") as file:
        file.write(b"\0" * 50)
    try:
        for case in (changes, refuses, audited, under_load):
            case(server)
            print("ok     ", case.__name__)
    finally:
        status = server.stop()
    check(status == 0, f"the server ended with {status}")
