"""Two models: the shadow is asked by /predict/compare only.  A bad one stops the start."""
import json

from run import Failure, check, form_body


def post(server, path, photo):
    body, content_type = form_body([("file", "a.jpg", photo)])
    connection = server.connection()
    connection.request("POST", path, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def compares(start):
    first = start()
    shadow = first.made("make_model", "real", "shadow.safetensors")
    photo = first.photo("texture-jpeg")
    check(first.stop() == 0, "the server did not end with 0")
    server = start("--shadow", shadow)
    before = server.metrics()
    status, answer = post(server, "/predict/compare", photo)
    check(status == 200, f"got {status} {answer}")
    check(answer["primary"]["prediction"] == "ai_generated", answer)
    check(answer["shadow"]["prediction"] == "real", answer)
    check(answer["agreement"] is False and answer["message"] is None, answer)
    difference = answer["primary"]["probability"] - answer["shadow"]["probability"]
    check(abs(answer["difference"] - difference) < 1e-5, answer)
    after = server.metrics()
    for series, amount in (('aidetect_shadow_comparisons_total{agreement="false"}', 1),
                           ("aidetect_prediction_duration_seconds_count", 1)):
        check(after[series] - before.get(series, 0) == amount, series)
    check(server.stop() == 0, "the server did not end with 0")


def bad_shadow(start):
    try:
        start("--shadow", "/dev/null")
    except Failure:
        return
    raise Failure("a server with a bad shadow model runs")


def run(start):
    compares(start)
    print("ok      compares")
    bad_shadow(start)
    print("ok      bad_shadow")
