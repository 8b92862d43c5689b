"""The examples of docs/API.md, run as they stand there against a live service.

Each block of sh, python or js has a comment before it, <!-- expect: REGEX -->: it must end with
status 0 and print something that fits (^ and $ are those of a line)."""
import os
import re
import shutil
import subprocess
import sys

from run import TIMEOUT, check

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "API.md")
COMMANDS = {"sh": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"],
            "js": ["node", "--input-type=module", "-e"]}
BLOCK = re.compile(r"(?:<!-- expect: (?P<expect>[^\n]*) -->\n)?^```(?P<kind>\w+)\n(?P<code>.*?)^```$",
                   re.MULTILINE | re.DOTALL)


def examples():
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    for match in BLOCK.finditer(text):
        line = text[:match.start("code")].count("\n") + 1
        if match["kind"] in COMMANDS:
            check(match["expect"], f"API.md:{line}: nothing is expected of this example")
            yield line, match["kind"], match["code"], match["expect"]


def run_example(server, folder, line, kind, code, expect):
    check("127.0.0.1:8080" in code, f"API.md:{line}: asks nobody")
    code = code.replace("127.0.0.1:8080", f"127.0.0.1:{server.port}")
    done = subprocess.run([*COMMANDS[kind], code], cwd=folder, capture_output=True, text=True,
                          timeout=TIMEOUT, check=False,
                          env={**os.environ, "PATH": os.path.abspath(server.build) + ":" + os.environ["PATH"]})
    check(done.returncode == 0, f"API.md:{line}: status {done.returncode} {done.stdout}{done.stderr}")
    check(re.search(expect, done.stdout, re.MULTILINE),
          f"API.md:{line}: {done.stdout[:400]!r} does not fit {expect}")


def run(start):
    server = start(model="real")  # our client ends with 1 when something is AI-generated
    folder = os.path.join(server.folder, "examples")
    os.mkdir(folder)
    shutil.copy(server.made("make_photo", "texture-jpeg", "texture-jpeg"), folder + "/photo.jpg")
    shutil.copy(server.made("make_photo", "texture-png", "texture-png"), folder + "/other.png")
    with open(folder + "/notes.txt", "w", encoding="utf-8") as file:
        file.write("no photo\n")
    kinds = set()
    for example in examples():
        run_example(server, folder, *example)
        kinds.add(example[1])
        print(f"ok      API.md:{example[0]} {example[1]}")
    check(kinds == set(COMMANDS), f"examples of {kinds} only")
    check(os.path.exists(folder + "/overlay.png"), "no overlay was written")
    check(server.stop() == 0, "the server did not end with 0")
