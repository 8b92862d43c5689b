"""Keys, roles, rate limits, proxies, origins, traces, and the lines that tell of them."""
import json
import os
import subprocess
import tempfile
import time

from run import check, form_body

TRACE = "0af7651916cd43dd8448eb211c80319c"
DENIED = 'aidetect_access_denied_total{reason="%s"}'
LIMITED = 'aidetect_rate_limit_exceeded_total{endpoint="%s"}'


class World:
    """A server with settings of its own and a data folder for its keys."""

    def __init__(self, start, *settings):
        self.folder = tempfile.TemporaryDirectory()
        options = [f"data={self.folder.name}", *settings]
        self.server = start(*[word for option in options for word in ("--set", option)])
        self.photo, self.form = form_body([("file", "a.jpg", self.server.photo("tiny-jpeg"))])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.server.stop()
        self.folder.cleanup()
        check(kind or status == 0, f"the server ended with {status}")

    def keys(self, *arguments):
        done = subprocess.run([os.path.join(self.server.build, "aidetect"), "keys", *arguments,
                               "--data", self.folder.name], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.stdout.strip()

    def ask(self, method, path, body=None, **headers):
        connection = self.server.connection()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        answer.text = answer.read()
        connection.close()
        return answer

    def predict(self, path="/predict", **headers):
        return self.ask("POST", path, self.photo, Content_Type=self.form, **headers)

    def wait_for(self, status, question):
        """Keys are taken up within a second or so."""
        deadline = time.monotonic() + 30
        while question().status != status:
            check(time.monotonic() < deadline, f"still not {status}")
            time.sleep(0.05)

    def log(self):
        with open(os.path.join(self.server.folder, "log"), encoding="utf-8") as file:
            return file.read()


def check_error(answer, status, error_class):
    check(answer.status == status, f"got {answer.status} {answer.text[:200]}")
    value = json.loads(answer.text)
    check(list(value) == ["error", "detail", "request_id", "status_code", "error_class"], value)
    check(value["status_code"] == status and value["error_class"] == error_class, value)
    check(value["request_id"] == answer.getheader("X-Request-ID"), value)
    return value


def keys_and_roles(start):
    with World(start, "auth.required=on", "rate.failures=0", "auth.metrics=operator",
               "rate.enabled=off") as world:
        for path in ("/healthz", "/readyz", "/startup", "/health", "/v1/healthz", "/"):
            check(world.ask("GET", path).status == 200, path)
        answer = world.predict()
        check_error(answer, 401, "unauthorized")
        check(answer.getheader("WWW-Authenticate") == 'Bearer realm="aidetect"', "no challenge")
        check_error(world.ask("GET", "/metrics"), 401, "unauthorized")

        key = world.keys("create", "shop")
        operator = world.keys("create", "eye", "--role", "operator")
        world.wait_for(200, lambda: world.predict(X_API_Key=key))
        check(world.predict(Authorization=f"Bearer {key}").status == 200, "bearer")
        check(world.predict(Authorization=f"bearer  {key} ").status == 200, "bearer, spelt otherwise")
        check(world.predict(path="/v1/predict", X_API_Key=operator).status == 200, "a higher role")
        check(world.ask("GET", "/metrics", X_API_Key=operator).status == 200, "metrics")
        value = check_error(world.ask("GET", "/metrics", X_API_Key=key), 403, "forbidden")
        check("operator" in value["detail"] and "predict" in value["detail"], value)
        for headers in ({"X_API_Key": key[:-1] + ("0" if key[-1] != "0" else "1")},
                        {"X_API_Key": "x"}, {"Authorization": "Basic eDp5"},
                        {"Authorization": key}, {"X_API_Key": key, "Authorization": f"Bearer {key}"}):
            answer = world.predict(**headers)
            check_error(answer, 401, "unauthorized")
            check("invalid_token" in answer.getheader("WWW-Authenticate"), headers)

        key_id = key.split("_")[1]
        rotated = world.keys("rotate", key_id)
        world.wait_for(200, lambda: world.predict(X_API_Key=rotated))
        check(world.predict(X_API_Key=key).status == 200, "the old key, while both are good")
        world.keys("revoke", key_id)
        world.wait_for(401, lambda: world.predict(X_API_Key=rotated))
        value = check_error(world.predict(X_API_Key=key), 401, "unauthorized")
        check("revoked" in value["detail"], value)
        for text in (key, rotated, operator):
            check(text not in world.log() and text.split("_")[2] not in world.log(), "a key is logged")
        check(f"key={key_id}" in world.log(), "the key's id is not logged")


def a_refused_upload_is_not_read(start):
    with World(start, "auth.required=on") as world:
        connection = world.server.connect()
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
                           b"Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
        text = connection.recv(4096)
        check(text.startswith(b"HTTP/1.1 401 "), text[:60])
        connection.close()


def wrong_keys_are_counted(start):
    with World(start, "auth.required=on", "rate.failures=3") as world:
        key = world.keys("create", "shop")
        world.wait_for(200, lambda: world.predict(X_API_Key=key))
        before = world.server.metrics().get(DENIED % "guessing", 0)
        for _ in range(2):
            world.predict(X_API_Key="wrong")
        statuses = [world.predict(X_API_Key="wrong").status for _ in range(3)]
        check(statuses[-1] == 429, statuses)
        answer = world.predict(X_API_Key="wrong")
        check_error(answer, 429, "rate_limited")
        check(1 <= int(answer.getheader("Retry-After")) <= 20, answer.getheader("Retry-After"))
        check(world.predict(X_API_Key=key).status == 200, "a good key is locked out")
        check(world.server.metrics()[DENIED % "guessing"] >= before + 2, "not counted")


def rate_limits(start):
    with World(start, "rate.enabled=on", "rate.predict=3", "rate.explain=1") as world:
        answers = [world.predict() for _ in range(5)]
        statuses = [answer.status for answer in answers]
        check(statuses == [200, 200, 200, 429, 429], statuses)
        left = [answer.getheader("RateLimit-Remaining") for answer in answers]
        check(left == ["2", "1", "0", "0", "0"], left)
        check(answers[0].getheader("RateLimit-Limit") == "3", "limit")
        check(answers[0].getheader("Retry-After") is None, "retry before it is needed")
        check(1 <= int(answers[3].getheader("Retry-After")) <= 20, "retry")
        check(1 <= int(answers[3].getheader("RateLimit-Reset")) <= 60, "reset")
        check_error(answers[3], 429, "rate_limited")
        check(world.server.metrics()[LIMITED % "/predict"] == 2, "not counted")
        check(world.predict("/v1/predict").status == 429, "/v1 has a bucket of its own")
        check(world.predict("/predict/explain").status == 200, "explain shares a bucket")
        check(world.predict("/predict/explain").status == 429, "explain")
        for _ in range(20):
            check(world.ask("GET", "/healthz").status == 200, "health is limited")
        check(world.ask("GET", "/healthz").getheader("RateLimit-Limit") is None, "health")
        # A key counts for itself, and may have more.
        one, two = world.keys("create", "one"), world.keys("create", "two", "--limit-factor", "2")
        world.wait_for(200, lambda: world.predict(X_API_Key=two))
        check([world.predict(X_API_Key=one).status for _ in range(4)] == [200, 200, 200, 429], "one")
        answer = world.predict(X_API_Key=two)
        check(answer.status == 200 and answer.getheader("RateLimit-Limit") == "6", "twice as many")


def proxies(start):
    with World(start, "rate.enabled=on", "rate.predict=1") as world:
        check(world.predict(X_Forwarded_For="192.0.2.1").status == 200, "first")
        check(world.predict(X_Forwarded_For="192.0.2.2").status == 429, "a stranger is believed")
        check(world.ask("GET", "/healthz", X_Forwarded_Proto="https").getheader(
            "Strict-Transport-Security") is None, "a stranger says https")
    with World(start, "proxy.trusted=127.0.0.1", "auth.required=off", "rate.predict=1") as world:
        check(world.predict(X_Forwarded_For="192.0.2.1").status == 200, "first")
        check(world.predict(X_Forwarded_For="192.0.2.1").status == 429, "first again")
        check(world.predict(X_Forwarded_For="192.0.2.2").status == 200, "second")
        check(world.predict(X_Forwarded_For="9.9.9.9, 192.0.2.2").status == 429, "a spoofed hop")
        check(world.predict(X_Forwarded_For="2001:db8:1:2::1").status == 200, "IPv6")
        check(world.predict(X_Forwarded_For="2001:db8:1:2:ff::1").status == 429, "the same /64")
        check(world.predict(X_Forwarded_For="2001:db8:1:3::1").status == 200, "another /64")
        check("peer=192.0.2.2" in world.log(), "the client is not logged")
        check(world.ask("GET", "/healthz", X_Forwarded_Proto="https").getheader(
            "Strict-Transport-Security") == "max-age=31536000", "HSTS")
    with World(start, "proxy.trusted=127.0.0.1") as world:
        check_error(world.predict(), 401, "unauthorized")  # a proxy means strangers


def origins(start):
    shop, evil = "https://shop.example", "https://evil.example"
    preflight = {"Access_Control_Request_Method": "POST"}
    with World(start) as world:
        check(world.ask("GET", "/healthz", Origin=shop).getheader(
            "Access-Control-Allow-Origin") is None, "CORS is on by itself")
        check_error(world.ask("OPTIONS", "/predict", Origin=shop, **preflight), 405,
                    "method_not_allowed")
        check_error(world.predict(Origin=evil), 403, "forbidden")
        check_error(world.predict(Origin="null"), 403, "forbidden")
        check(world.predict(Origin=f"http://127.0.0.1:{world.server.port}").status == 200, "own page")
        check(world.server.metrics()[DENIED % "origin"] == 2, "not counted")
    with World(start, f"cors.origins={shop}, http://localhost:3000") as world:
        answer = world.ask("OPTIONS", "/predict", Origin=shop, **preflight)
        check(answer.status == 204 and not answer.text, f"{answer.status} {answer.text}")
        check(answer.getheader("Access-Control-Allow-Origin") == shop, "origin")
        check(answer.getheader("Access-Control-Allow-Methods") == "POST", "methods")
        check("X-API-Key" in answer.getheader("Access-Control-Allow-Headers"), "headers")
        check(answer.getheader("Access-Control-Allow-Credentials") is None, "credentials")
        check(answer.getheader("Vary") == "Origin", "vary")
        answer = world.predict(Origin=shop)
        check(answer.status == 200, f"got {answer.status}")
        check(answer.getheader("Access-Control-Allow-Origin") == shop, "origin")
        check("Retry-After" in answer.getheader("Access-Control-Expose-Headers"), "exposed")
        check_error(world.ask("OPTIONS", "/predict", Origin=evil, **preflight), 405,
                    "method_not_allowed")
        check(world.ask("GET", "/healthz", Origin=evil).getheader(
            "Access-Control-Allow-Origin") is None, "any origin")


def traces(start):
    with World(start, "log.format=json", "log.level=debug", "log.low_confidence=on") as world:
        parent = "b7ad6b7169203331"
        answer = world.predict(traceparent=f"00-{TRACE}-{parent}-01", X_Request_ID="17")
        version, trace, span, flags = answer.getheader("traceparent").split("-")
        check((version, trace, flags) == ("00", TRACE, "01") and span != parent, "traceparent")
        check(world.ask("GET", "/healthz", traceparent="00-x").getheader("traceparent") is None,
              "an invalid one is continued")
        lines = [json.loads(line) for line in world.log().splitlines() if line.startswith("{")]
        lines = [line for line in lines if line["event"] == "http.request"]
        line = [line for line in lines if line["endpoint"] == "/predict"][0]
        check(line["trace"] == TRACE and line["span"] == span and line["parent"] == parent, line)
        check(line["request"] == "17" and line["status"] == 200 and line["key"] == "-", line)
        check(line["peer"] == "127.0.0.1" and line["bytes_in"] == len(world.photo), line)
        check(line["bytes_out"] == len(answer.text) and line["us"] > 0, line)


def run(start):
    for case in (keys_and_roles, a_refused_upload_is_not_read, wrong_keys_are_counted, rate_limits,
                 proxies, origins, traces):
        case(start)
        print("ok     ", case.__name__)
