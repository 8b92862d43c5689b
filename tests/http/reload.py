"""SIGHUP: settings and model are read again; whatever is wrong with them changes nothing."""
import json
import os
import signal
import subprocess

from run import check, form_body


def write(server, text):
    path = os.path.join(server.folder, "settings.yaml")
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def make_model(server, kind, version):
    """A model of another verdict in place of the one in use."""
    path = os.path.join(server.folder, "model.safetensors")
    subprocess.run([os.path.join(server.build, "tests", "make_model"), kind, path + ".new",
                    *version], check=True)
    os.rename(path + ".new", path)


def reload(server, event):
    before = server.log_count(event)
    server.process.send_signal(signal.SIGHUP)
    server.wait_log(event, before + 1)


def predict(server):
    body, content_type = form_body([("file", "a.jpg", server.photo("texture-jpeg"))])
    connection = server.connection()
    connection.request("POST", "/predict", body, {"Content-Type": content_type})
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    check(answer.status == 200, f"got {answer.status} {value}")
    return value["prediction"]


def queue_max(server):
    return json.loads(server.get("/health")[1])["queue_max"]


def run(start):
    folder = start.folder
    write(type("Place", (), {"folder": folder}), "queue: {max: 8}\n")
    server = start("--config", os.path.join(folder, "settings.yaml"))
    try:
        check(queue_max(server) == 8, "the file was not read")
        check(predict(server) == "ai_generated", "another model")

        write(server, "queue: {max: 9}\nhttp: {threads: 2}\n")
        reload(server, "event=config.reloaded")
        check(queue_max(server) == 9, "the queue is as before")
        check(server.log_count("event=config.restart_needed setting=http.threads") == 1,
              "nobody is told that a restart is needed")
        check(server.metrics()["aidetect_config_last_reload_successful"] == 1, "no success")
        print("ok      settings")

        stamp = server.metrics()["aidetect_config_last_reload_success_timestamp_seconds"]
        write(server, "queue: {max: 10}\nlog: {level: loud}\n")
        reload(server, "event=config.reload_failed")
        metrics = server.metrics()
        check(queue_max(server) == 9, "half of a bad file was applied")
        check(metrics["aidetect_config_last_reload_successful"] == 0, "a bad file is no success")
        check(metrics["aidetect_config_last_reload_success_timestamp_seconds"] == stamp, "the time moved")
        print("ok      bad_settings")

        write(server, "queue: {max: 11}\n")
        make_model(server, "real", [])
        reload(server, "event=config.reloaded")
        check(predict(server) == "real", "the old model answers")
        check(queue_max(server) == 11, "the settings beside the model are not applied")
        check(server.metrics()['aidetect_model_swaps_total{outcome="success"}'] == 1, "no swap")
        print("ok      model")

        for word, want in (("fpr:0.05", 0.7), ("fpr:0.01", 0.9), ("0.25", 0.25), ("0", 0.5)):
            write(server, f"queue: {{max: 11}}\nthreshold: {word}\n")
            reload(server, "event=config.reloaded")
            check(server.metrics()["aidetect_model_threshold_ratio"] == want, f"threshold {word}")
        for word in ("fpr:0.02", "2"):
            write(server, f"queue: {{max: 13}}\nthreshold: {word}\n")
            reload(server, "event=config.reload_failed")
            check(queue_max(server) == 11, f"threshold {word} was taken")
        print("ok      threshold")

        write(server, "queue: {max: 12}\n")
        path = os.path.join(folder, "model.safetensors")
        with open(path + ".new", "wb") as file:
            file.write(b"\0" * 100)
        os.rename(path + ".new", path)
        reload(server, "event=config.reload_failed")
        check(predict(server) == "real", "the model in use is gone")
        check(queue_max(server) == 11, "settings were applied without their model")
        check(server.metrics()['aidetect_model_swaps_total{outcome="failure"}'] == 1, "no failure")
        print("ok      bad_model")
    finally:
        status = server.stop()
    check(status == 0, f"the server ended with {status}")
