"""/openapi.json: a sound OpenAPI 3.1 document, complete, and true of the answers."""
import json
import re

from run import check, form_body

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool,
         "number": (int, float), "null": type(None)}


def resolve(document, schema):
    while "$ref" in schema:
        target = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = target
    return schema


def check_schema(document, schema, where):
    """Only the words that we use, each of the right kind."""
    if "$ref" in schema:
        check(schema["$ref"].startswith("#/components/"), f"{where}: {schema['$ref']}")
        resolve(document, schema)
        return
    known = {"type", "description", "properties", "required", "items", "enum", "oneOf", "format",
             "minimum", "maximum", "maxItems"}
    check(set(schema) <= known, f"{where}: {set(schema) - known}")
    check(schema.get("type", "object") in TYPES, f"{where}: type {schema.get('type')}")
    for name, inner in schema.get("properties", {}).items():
        check_schema(document, inner, f"{where}.{name}")
    check(set(schema.get("required", [])) <= set(schema.get("properties", {})), f"{where}: required")
    check((schema.get("type") == "array") == ("items" in schema), f"{where}: items")
    for inner in [schema["items"]] if "items" in schema else schema.get("oneOf", []):
        check_schema(document, inner, f"{where}[]")


def check_value(document, schema, value, where):
    schema = resolve(document, schema)
    if "oneOf" in schema:
        fits = [one for one in schema["oneOf"] if fits_schema(document, one, value)]
        check(len(fits) == 1, f"{where}: {value!r} fits {len(fits)} of {schema['oneOf']}")
        return
    if "type" in schema:
        fine = isinstance(value, TYPES[schema["type"]])
        if schema["type"] in ("integer", "number"):
            fine = fine and not isinstance(value, bool)
        check(fine, f"{where}: {value!r} is no {schema['type']}")
    check(value in schema.get("enum", [value]), f"{where}: {value!r} is none of {schema.get('enum')}")
    if isinstance(value, (int, float)):
        check(value >= schema.get("minimum", value), f"{where}: {value}")
        check(value <= schema.get("maximum", value), f"{where}: {value}")
    if isinstance(value, dict) and "properties" in schema:
        missing = set(schema["required"]) - set(value)
        check(not missing, f"{where}: {missing} is missing")
        more = set(value) - set(schema["properties"])
        check(not more, f"{where}: {more} is not described")
        for name, inner in value.items():
            check_value(document, schema["properties"][name], inner, f"{where}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            check_value(document, schema["items"], inner, f"{where}.{number}")


def fits_schema(document, schema, value):
    try:
        check_value(document, schema, value, "")
        return True
    except Exception:  # whatever does not fit
        return False


def check_operation(document, path, method, operation):
    where = f"{method} {path}"
    check({"operationId", "summary", "tags", "responses"} <= set(operation), where)
    declared = {p["name"] for p in operation.get("parameters", []) if p["in"] == "path"}
    check(declared == set(re.findall(r"{(\w+)}", path)), f"{where}: parameters {declared}")
    for parameter in operation.get("parameters", []):
        check_schema(document, parameter["schema"], where)
    check(("requestBody" in operation) == (method == "post"), f"{where}: body")
    for media in operation.get("requestBody", {}).get("content", {}).values():
        check_schema(document, media["schema"], where)
    check("200" in operation["responses"], where)
    for status, answer in operation["responses"].items():
        check(re.fullmatch(r"[2-5]\d\d", status), f"{where}: {status}")
        answer = resolve(document, answer)
        check(answer["description"], f"{where} {status}: no description")
        for media in answer["content"].values():
            check_schema(document, media["schema"], f"{where} {status}")
    for way in operation.get("security", []):
        check(set(way) <= set(document["components"]["securitySchemes"]), f"{where}: {way}")


def sound(document):
    check(document["openapi"] == "3.1.0", document["openapi"])
    check(set(document) == {"openapi", "info", "servers", "paths", "components"}, list(document))
    check({"title", "version"} <= set(document["info"]), document["info"])
    for name, schema in document["components"]["schemas"].items():
        check_schema(document, schema, name)
    ids = []
    for path, item in document["paths"].items():
        for method in set(item) - {"servers"}:
            check_operation(document, path, method, item[method])
            ids.append(item[method]["operationId"])
    check(len(ids) == len(set(ids)), f"operationIds: {sorted(ids)}")


def complete(document, server):
    """The index lists every route; the document says the same in its own way."""
    described = set()
    for path, item in document["paths"].items():
        for base in item.get("servers", [{"url": "/"}]):
            described.add(base["url"].rstrip("/") + path)
    listed = set(json.loads(server.get("/")[1])["routes"])
    check(described == listed, f"not the same: {described ^ listed}")
    used = json.dumps([document["paths"], document["components"]])
    for name in document["components"]["schemas"]:
        check(f"#/components/schemas/{name}\"" in used, f"nobody uses the schema {name}")


def ask(server, method, path, fields=(), body=None, content_type=None):
    if fields:
        body, content_type = form_body(fields)
    connection = server.connection()
    connection.request(method, path, body, {"Content-Type": content_type} if content_type else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def true_of_answers(document, server):
    photo, gif = server.photo("texture-jpeg"), server.photo("gif")
    small = server.photo("tiny-jpeg")
    file, files = [("file", "a.jpg", photo)], [("files", "a.jpg", photo), ("files", "b", gif)]
    asked = [("GET", path, ()) for path in (
        "/", "/health", "/healthz", "/readyz", "/startup", "/drift", "/openapi.json", "/v2",
        "/v2/health/live", "/v2/health/ready")]
    asked += [("POST", "/predict", file), ("POST", "/predict?detail=full", file),
              ("POST", "/predict?detail=full", [("file", "a", small)]),
              ("POST", "/predict/batch", files), ("POST", "/predict/batch?detail=full", files),
              ("POST", "/predict/explain", file), ("POST", "/predict/explain?detail=full", file),
              ("POST", "/predict/compare", file), ("POST", "/predict", [("file", "a", gif)]),
              ("POST", "/predict/batch", [("x", "", b"1")]), ("GET", "/monitoring/drift", ())]
    for method, path, fields in asked:
        status, value = ask(server, method, path, fields)
        operation = document["paths"][path.partition("?")[0]][method.lower()]
        answer = resolve(document, operation["responses"][str(status)])
        check_value(document, answer["content"]["application/json"]["schema"], value,
                    f"{method} {path} {status}")
    for path in ("/v2/models/{name}", "/v2/models/{name}/ready"):
        for name, status in (("aidetect", 200), ("other", 404)):
            got, value = ask(server, "GET", path.replace("{name}", name))
            check(got == status, f"{path}: {got}")
            answer = resolve(document, document["paths"][path]["get"]["responses"][str(status)])
            check_value(document, answer["content"]["application/json"]["schema"], value, path)


def run(start):
    server = start()
    document = json.loads(server.get("/openapi.json")[1])
    for test in (lambda: sound(document), lambda: complete(document, server),
                 lambda: true_of_answers(document, server)):
        test()
    print("ok      sound, complete, true of answers")
    check(server.stop() == 0, "the server did not end with 0")
