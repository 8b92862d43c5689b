"""aidetect selftest alerts: every alert, from a fault through Prometheus and Alertmanager."""
import os
import re
import shutil
import subprocess

from run import check


def run(start):
    server = start()  # for its model; the trial starts a service of its own
    model, program = os.path.join(server.folder, "model.safetensors"), os.path.join(server.build, "aidetect")
    check(server.stop() == 0, "the server did not end with 0")
    check(shutil.which("prometheus"), "no prometheus (package prometheus)")
    done = subprocess.run([program, "selftest", "alerts", "--model", model, "--timeout", "120"],
                          capture_output=True, text=True, timeout=800, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)
    arrived = re.findall(r"^(\w+) +P[1-4] +[a-z-]+ +after [0-9.]+ s$", done.stdout, re.MULTILINE)
    check(len(arrived) >= 19, done.stdout)
    check(f"{len(arrived)} of {len(arrived)} alerts arrived" in done.stdout, done.stdout)
    print("ok      every alert arrived")
    done = subprocess.run([program, "selftest", "everything"], capture_output=True, text=True,
                          timeout=60, check=False)
    check(done.returncode == 64 and "neither" not in done.stdout, done.stderr)
    done = subprocess.run([program, "selftest", "alerts", "--model", model], capture_output=True,
                          text=True, timeout=60, check=False, env={"PATH": "/nowhere"})
    check(done.returncode == 74 and "alertmanager" in done.stderr, f"{done.returncode} {done.stderr}")
    print("ok      refusals")
