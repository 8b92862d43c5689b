#!/usr/bin/env python3
"""Detectors of drift at a stated number of false alarms: ours, the playbook's rule and what other
libraries do by default; a table in Markdown and a plot.

    bench/drift.py [--program FILE] [--runs N] [--control N] [--scores CSV --family NAME] [--out DIR]
                   [--from CSV]

Writes DIR/drift.csv, drift.md, drift.svg (build/bench).  --from draws an earlier drift.csv again.
Some minutes of one processor; standard library only."""
import argparse
import csv
import math
import os
import subprocess

COLOURS = ["#0b6e4f", "#1b9e77", "#66a61e", "#d95f02", "#a6761d", "#7570b3", "#e7298a", "#c51b7d",
           "#377eb8", "#4575b4", "#888888"]


def measure(options):
    command = [options.program, "drift", "simulate", "--detectors", "all", "--format", "csv",
               "--runs", str(options.runs), "--control", str(options.control)]
    if options.scores:
        command += ["--scores", options.scores, "--family", options.family]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def number(text):
    return math.inf if text == "inf" else float(text)


def group(text):
    rows = {}
    for row in csv.DictReader(text.splitlines()):
        rows.setdefault(row["detector"], []).append(row)
    return rows


def run_length(row):
    predictions, alarms = int(row["control_predictions"]), int(row["control_alarms"])
    if not alarms:
        return f"> {predictions:,}"
    return f"{predictions // alarms:,}"


def cell(row):
    median, p95 = number(row["median"]), number(row["p95"])
    if math.isinf(median):
        return f"not found ({row['found']}/{row['runs']})"
    return f"{median:,.0f} / " + ("-" if math.isinf(p95) else f"{p95:,.0f}")


def table(rows):
    shares = [float(row["share"]) for row in next(iter(rows.values()))]
    lines = ["| detector | predictions a false alarm | " +
             " | ".join(f"{100 * share:g} %" for share in shares) + " | let through at 10 % |",
             "|---" * (len(shares) + 3) + "|"]
    for name, found in rows.items():
        missed = next((f"{float(row['missed']):,.0f}" for row in found
                       if abs(float(row["share"]) - 0.1) < 1e-9), "-")
        lines.append(f"| {name} | {run_length(found[0])} | " + " | ".join(map(cell, found)) +
                     f" | {missed} |")
    return "\n".join(lines) + "\n"


def plot(rows):
    """Median delay by share, both logarithmic; what was not found lies on the upper edge."""
    left, top, width, height = 70, 30, 520, 340
    shares = [float(row["share"]) for row in next(iter(rows.values()))]
    low, high = math.log10(min(shares)), math.log10(max(shares))
    tallest = 5.4

    def x_of(share):
        return left + width * (math.log10(share) - low) / (high - low)

    def y_of(delay):
        return top + height * (1 - (min(math.log10(max(delay, 10)), tallest) - 1) / (tallest - 1))

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="430" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>',
             f'<text x="{left}" y="18" font-size="14">Predictions until a new generator is found '
             '(median)</text>']
    for power in range(1, 6):
        y = y_of(10 ** power)
        parts.append(f'<path d="M{left} {y:.1f}h{width}" stroke="#ddd"/>'
                     f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10 ** power:,}</text>')
    for share in shares:
        x = x_of(share)
        parts.append(f'<path d="M{x:.1f} {top}v{height}" stroke="#eee"/><text x="{x:.1f}" '
                     f'y="{top + height + 18}" text-anchor="middle">{100 * share:g} %</text>')
    for share, bar in ((0.05, 12000), (0.1, 4000), (0.25, 1000)):
        if share in shares:
            parts.append(f'<path d="M{x_of(share) - 9:.1f} {y_of(bar):.1f}h18" stroke="#000" '
                         'stroke-width="2"/>')
    for i, (name, found) in enumerate(rows.items()):
        colour = COLOURS[i % len(COLOURS)]
        points = " ".join(f"{x_of(float(row['share'])):.1f},{y_of(number(row['median'])):.1f}"
                          for row in found)
        wide = 3 if i == 0 else 1.5
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                     f'stroke-width="{wide}"/><path d="M{left + width + 16} {top + 10 + 20 * i}h20" '
                     f'stroke="{colour}" stroke-width="{wide}"/><text x="{left + width + 42}" '
                     f'y="{top + 14 + 20 * i}">{name} ({run_length(found[0])})</text>')
    parts.append(f'<text x="{left}" y="{top + height + 40}">share of the AI-generated photos that '
                 'is new; in brackets predictions a false alarm; short bars: what is asked for; '
                 'upper edge: not found</text></svg>')
    return "\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="build/release/aidetect")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--control", type=float, default=10)
    parser.add_argument("--scores")
    parser.add_argument("--family")
    parser.add_argument("--out", default="build/bench")
    parser.add_argument("--from", dest="given")
    options = parser.parse_args()
    if options.given:
        with open(options.given, encoding="utf-8") as file:
            text = file.read()
    else:
        text = measure(options)
    rows = group(text)
    os.makedirs(options.out, exist_ok=True)
    for name, content in (("drift.csv", text), ("drift.md", table(rows)), ("drift.svg", plot(rows))):
        with open(os.path.join(options.out, name), "w", encoding="utf-8") as file:
            file.write(content)
    print(table(rows), end="")


if __name__ == "__main__":
    main()
