#!/usr/bin/env python3
"""Rules for Grafana dashboards, ours and changed ones: check_dashboards.py FILE...

After grafana/dashboard-linter: what a dashboard needs so that it works with any data source, job
and instance.  One line a finding; exit status 1 when there is one.  Standard library only."""
import json
import re
import sys

COUNTER = re.compile(r"\b\w+_(?:total|bucket|sum|count)\b\{")
RATED = re.compile(r"\b(?:rate|increase|irate|resets|changes)\(\s*\w+_(?:total|bucket|sum|count)\{")
SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
BARE = re.compile(r"\b(?:aidetect|process)_\w+\b(?!\s*\{)")
SOURCES = ("$datasource", "${datasource}")


def source_of(thing):
    source = thing.get("datasource")
    return source.get("uid") if isinstance(source, dict) else source


def check_template(dashboard):
    variables = {v["name"]: v for v in dashboard.get("templating", {}).get("list", [])}
    if variables.get("datasource", {}).get("type") != "datasource":
        yield "template-datasource: there is no variable 'datasource' of type datasource"
    for name in ("job", "instance"):
        variable = variables.get(name)
        if variable is None:
            yield f"template-{name}: there is no variable '{name}'"
            continue
        if source_of(variable) not in SOURCES:
            yield f"template-{name}: does not ask $datasource"
        if variable.get("type") != "query" or not variable.get("query"):
            yield f"template-{name}: is no query"
        if variable.get("label") != name.capitalize():
            yield f"template-{name}: its label is not '{name.capitalize()}'"
        if not variable.get("multi") or not variable.get("includeAll"):
            yield f"template-{name}: several, or all, cannot be chosen"
        if variable.get("allValue") != ".+":
            yield f"template-{name}: allValue is not '.+'"
    for name, variable in variables.items():
        if variable.get("type") != "query":
            continue
        if variable.get("refresh") != 2:
            yield f"template-on-time-change-reload: '{name}' is not read again with the time range"
        if not re.fullmatch(r"label_values\((?:[\w:]+(?:\{[^}]*\})?, )?\w+\)", variable.get("query", "")):
            yield f"template-label-promql: '{name}' is no label_values()"


def check_target(expression):
    if not expression.strip():
        yield "target-promql: an empty query"
    if expression.count("(") != expression.count(")") or expression.count("{") != expression.count("}"):
        yield "target-promql: brackets do not match"
    for bare in BARE.findall(expression):
        yield f"target-job: {bare} is asked of every job"
    for name, labels in SELECTOR.findall(expression):
        if 'job=~"$job"' not in labels:
            yield f"target-job: {name} is asked of every job"
        if 'instance=~"$instance"' not in labels:
            yield f"target-instance: {name} is asked of every instance"
    for window in re.findall(r"\[([^\]]*)\]", expression):
        if window != "$__rate_interval":
            yield f"target-rate-interval: [{window}] is not [$__rate_interval]"
    if len(COUNTER.findall(expression)) != len(RATED.findall(expression)):
        yield "target-counter-agg: a counter outside rate() and increase()"


def check_panel(panel):
    if not panel.get("title") or not panel.get("description"):
        yield "panel-title-description: no title or no description"
    if source_of(panel) not in SOURCES:
        yield "panel-datasource: does not ask $datasource"
    if not panel.get("fieldConfig", {}).get("defaults", {}).get("unit"):
        yield "panel-units: no unit"
    if not panel.get("targets"):
        yield "panel-no-targets: asks nothing"
    for target in panel.get("targets", []):
        if source_of(target) not in SOURCES:
            yield "target-datasource: does not ask $datasource"
        yield from check_target(target.get("expr", ""))


def check_layout(panels):
    taken = {}
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24:
            yield f"layout: '{panel['title']}' is over the edge"
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    yield f"layout: '{panel['title']}' lies on '{taken[x, y]}'"
                    return
                taken[x, y] = panel["title"]


def check(dashboard):
    yield from check_template(dashboard)
    if dashboard.get("editable") is not False:
        yield "uneditable-dashboard: can be changed in Grafana, and would be lost"
    if not dashboard.get("uid") or not dashboard.get("title"):
        yield "dashboard: no uid or no title"
    panels = dashboard.get("panels", [])
    if len({panel["id"] for panel in panels}) != len(panels):
        yield "dashboard: two panels have one id"
    yield from check_layout(panels)
    for panel in panels:
        if panel["type"] != "row":
            for finding in check_panel(panel):
                yield f"'{panel.get('title')}': {finding}"


def main():
    found = 0
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for finding in check(json.load(file)):
                print(f"{path}: {finding}")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
