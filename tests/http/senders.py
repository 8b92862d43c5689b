"""Whom photos are from: named by the client, else by its key, else its address; a number in the log that
is the same after a restart."""
import csv
import io
import os
import subprocess

from run import check


def aidetect(server, *arguments):
    done = subprocess.run([os.path.join(server.build, "aidetect"), *arguments], capture_output=True, text=True,
                          check=True, env={**os.environ, "AIDETECT_DATA": os.path.join(server.folder, "data")})
    return done.stdout


def predict(server, *fields):
    """fields: pairs of a name and a value."""
    photo = server.photo("texture-jpeg")
    connection = server.connection()
    connection.putrequest("POST", "/predict")
    for name, value in (("Content-Type", "image/jpeg"), ("Content-Length", str(len(photo))), *fields):
        connection.putheader(name, value)
    connection.endheaders(photo)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def senders(server, count):
    while server.metrics()["aidetect_prediction_log_written_total"] < count:
        check(server.process.poll() is None, "the server ended")
    rows = csv.DictReader(io.StringIO(aidetect(server, "predictions", "export", "--format", "csv")))
    return [row["sender"] for row in rows]


def run(start):
    server = start()
    key = aidetect(server, "keys", "create", "shop").strip()
    check(server.stop() == 0, "did not end with 0")
    server = start("--set", "predictions.interval_ms=1")  # knows the key from the beginning
    named = lambda name: ("X-Sender-ID", name)
    asked = ([named("anna")], [named("bert")], [named("anna"), ("X-API-Key", key)], [("X-API-Key", key)], [], [])
    for fields in asked:
        status, body = predict(server, *fields)
        check(status == 200, body)
    found = senders(server, len(asked))
    anna, bert, anna_with_key, by_key, by_address, again = found
    check(all(len(one) == 16 for one in found), found)
    check(anna == anna_with_key and by_address == again, found)
    check(len({anna, bert, by_key, by_address}) == 4, found)
    for fields, part in (([named("a" * 129)], "at most 128 bytes"), ([named("a"), named("b")], "2 fields")):
        status, body = predict(server, *fields)
        check(status == 400 and part in body, body)
    check(predict(server, named("a" * 128))[0] == 200, "128 bytes are too many")
    check(server.stop() == 0, "did not end with 0")
    server = start("--set", "predictions.interval_ms=1")
    check(predict(server, named("anna"))[0] == 200, "no answer")
    check(senders(server, 1)[-1] == anna, "another number after a restart")
    secret = os.path.join(server.folder, "data", "senders.secret")
    check(os.stat(secret).st_mode & 0o777 == 0o600, oct(os.stat(secret).st_mode))
    with open(secret, "w", encoding="ascii") as file:
        file.write("short")
    check(server.stop() == 0, "did not end with 0")
    server = start("--set", "predictions.interval_ms=1")
    server.wait_log("event=access.senders_not_kept")
    check(predict(server, named("anna"))[0] == 200, "no answer")
    check(senders(server, 1)[-1] != anna, "the number of a secret that is gone")
    check(server.stop() == 0, "did not end with 0")
