"""Open Inference Protocol v2, as KServe's and Triton's clients speak it."""
import base64
import json
import struct

from run import check

INFER = "/v2/models/aidetect/infer"
LENGTH = "Inference-Header-Content-Length"


def post(server, body, headers=None, path=INFER):
    connection = server.connection()
    connection.request("POST", path, body, {"Content-Type": "application/json", **(headers or {})})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


def request_of(photos, **more):
    data = [base64.b64encode(photo).decode() for photo in photos]
    return json.dumps({"inputs": [{"name": "image", "shape": [len(photos)], "datatype": "BYTES",
                                   "data": data}], **more})


def json_infer(server, photo, png):
    answer, data = post(server, request_of([photo, png], id="order 17"))
    check(answer.status == 200, data)
    value = json.loads(data)
    check(list(value) == ["model_name", "model_version", "id", "outputs"], value)
    check(value["id"] == "order 17" and value["model_name"] == "aidetect", value)
    outputs = {output["name"]: output for output in value["outputs"]}
    check(list(outputs) == ["probability", "verdict", "confidence"], value)
    check(all(output["shape"] == [2] for output in outputs.values()), value)
    check(outputs["probability"]["datatype"] == "FP32", value)
    check(all(p > 0.9 for p in outputs["probability"]["data"]), value)
    check(outputs["verdict"]["data"] == ["ai_generated"] * 2, value)
    check(outputs["confidence"]["data"] == ["high"] * 2, value)


def binary_infer(server, photo, png):
    data = b"".join(struct.pack("<I", len(one)) + one for one in (photo, png))
    head = json.dumps({"inputs": [{"name": "image", "shape": [2, 1], "datatype": "BYTES",
                                   "parameters": {"binary_data_size": len(data)}}],
                       "outputs": [{"name": "verdict", "parameters": {"binary_data": True}},
                                   {"name": "probability"},
                                   {"name": "confidence", "parameters": {"binary_data": True}}]})
    answer, body = post(server, head.encode() + data,
                        {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"})
    check(answer.status == 200, body)
    length = int(answer.getheader(LENGTH))
    value, rest = json.loads(body[:length]), body[length:]
    words = []
    for output in value["outputs"]:
        if output["name"] == "probability":
            check(len(output["data"]) == 2, value)
            continue
        size = output["parameters"]["binary_data_size"]
        part, rest = rest[:size], rest[size:]
        while part:
            count = struct.unpack("<I", part[:4])[0]
            words.append(part[4:4 + count].decode())
            part = part[4 + count:]
    check(words == ["ai_generated"] * 2 + ["high"] * 2 and not rest, words)


def binary_probability(server, photo):
    answer, body = post(server, request_of([photo], outputs=[{"name": "probability"}],
                                           parameters={"binary_data_output": True}))
    length = int(answer.getheader(LENGTH))
    check(json.loads(body[:length])["outputs"][0]["parameters"] == {"binary_data_size": 4}, body)
    check(struct.unpack("<f", body[length:])[0] > 0.9, body)


def refusals(server, photo):
    big = bytes(10 * 1024 * 1024 + 1)
    cases = [
        ("no JSON", b"{", {}, 400),
        ("an empty body", b"", {}, 400),
        ("no photo", request_of([b"x" * 300]), {}, 415),
        ("one of two is no photo", request_of([photo, b"x" * 300]), {}, 415),
        ("a GIF", request_of([server.photo("gif") + bytes(300)]), {}, 415),
        ("eleven photos", request_of([photo] * 11), {}, 413),
        ("a photo over 10 MB", request_of([big]), {}, 413),
        ("a JSON bomb", b"[" * 5_000_000, {}, 413),
        ("a JSON length over the body", request_of([photo]), {LENGTH: "99999999"}, 400),
        ("a JSON length that is none", request_of([photo]), {LENGTH: "-1"}, 400),
        ("a form", b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
    ]
    for name, body, headers, status in cases:
        answer, data = post(server, body, headers)
        check(answer.status == status, f"{name}: got {answer.status} {data[:200]}")
        value = json.loads(data)
        check(value["error"] and value["status_code"] == status, f"{name}: {value}")
        print("ok      refused:", name)
    answer, data = post(server, request_of([photo, b"x" * 300]))
    check("photo 1" in json.loads(data)["error"], data)
    answer, data = post(server, request_of([photo]), path="/v2/models/other/infer")
    check(answer.status == 404 and "no such model" in json.loads(data)["error"], data)
    check(json.loads(server.get("/v2/nothing")[1])["error"] == "there is nothing at this path", "404")


def run(start):
    server = start()
    photo, png = server.photo("texture-jpeg"), server.photo("texture-png")
    json_infer(server, photo, png)
    print("ok      JSON")
    binary_infer(server, photo, png)
    binary_probability(server, photo)
    print("ok      binary data")
    refusals(server, photo)
    for path, value in (("/v2/health/live", {"live": True}), ("/v2/health/ready", {"ready": True}),
                        ("/v2/models/test-model/ready", {"name": "aidetect", "ready": True})):
        check(json.loads(server.get(path)[1]) == value, path)
    check(server.stop() == 0, "the server did not end with 0")
