#!/usr/bin/python3
"""A real Prometheus scrapes a recorder; our rules load, one fires; the dashboard asks for series that
are there. Skipped where Debian's package prometheus is missing."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

if not shutil.which("prometheus") or not shutil.which("promtool"):
    print("skipped: the package prometheus is missing")
    sys.exit(77)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recorder_health import (PATIENCE_S, SOURCE, Recorder, Venue, alpaca_config,  # noqa: E402
                             check, wait_until)

RULES = os.path.join(SOURCE, "config/prometheus-rules.yaml")
DASHBOARD = os.path.join(SOURCE, "config/grafana-dashboard.json")
METRIC = re.compile(r"\b(?:qta|stream|websocket|process)_[a-z_]+\b")
# series of a histogram or with labels that only come with an event
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def ask(port, path, **query):
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]
    except OSError:
        return None


def families(page):
    return set(re.findall(r"^# TYPE ([a-z_]+) ", page, re.MULTILINE))


def check_names(page):
    """What rules and dashboard ask for is served under that name."""
    known = families(page)
    with open(RULES, encoding="utf-8") as file:
        expressions = re.findall(r"expr: (.*)", file.read())
    with open(DASHBOARD, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    expressions += [t["expr"] for panel in panels for t in panel.get("targets", [])]
    check(len(expressions) > 30, "expressions", len(expressions))
    for expression in expressions:
        for name in METRIC.findall(expression):
            check(name in known or SUFFIX.sub("", name) in known, "is served", name)


def fast_rules():
    """Our rules without their patience, for a test that has none."""
    with open(RULES, encoding="utf-8") as file:
        text = re.sub(r"^ +for: .*\n", "", file.read(), flags=re.MULTILINE)
    with open("rules.yaml", "w", encoding="utf-8") as file:
        file.write(text)


def start_prometheus(target, port):
    fast_rules()
    with open("prometheus.json", "w", encoding="utf-8") as file:
        json.dump({
            "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms",
                       "evaluation_interval": "250ms"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "qta",
                                "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
        }, file)
    return subprocess.Popen(
        ["prometheus", "--config.file=prometheus.json", "--storage.tsdb.path=data",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])


def firing(port):
    data = ask(port, "/api/v1/alerts") or {"alerts": []}
    return {alert["labels"]["alertname"] for alert in data["alerts"] if alert["state"] == "firing"}


def scrape(recorder, venue, port):
    up = wait_until(lambda: (ask(port, "/api/v1/query", query='up{job="qta"}') or
                             {"result": []})["result"], "it is scraped")
    wait_until(lambda: ask(port, "/api/v1/query", query='up{job="qta"} == 1')["result"], up)
    venue.send_trades(["AAPL"] * 10)
    wait_until(lambda: ask(port, "/api/v1/query",
                           query='qta_ticks_total{type="trade"} == 2010')["result"], "ticks arrive")
    targets = ask(port, "/api/v1/targets")["activeTargets"]
    check(targets[0]["lastError"] == "", "no scrape error", targets)
    check("QtaConnectionDown" not in firing(port), "all is well", firing(port))
    venue.stop()
    wait_until(lambda: "QtaConnectionDown" in firing(port), "a rule fires")
    venue.start()
    wait_until(lambda: "QtaConnectionDown" not in firing(port), "and is over")
    wait_until(lambda: "QtaFeedMute" in firing(port), "silence is told")
    wait_until(lambda: venue.send_trades(["MSFT"]) or "QtaFeedMute" not in firing(port),
               "and that it is over")
    check(recorder.process.poll() is None, "the recorder goes on")


def main():
    done = subprocess.run(["promtool", "check", "rules", RULES], capture_output=True, text=True,
                          check=False)
    check(done.returncode == 0, "promtool check rules", done.stdout, done.stderr)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        venue = Venue()
        port = free_port()
        config = alpaca_config(venue, monitoring={"enabled": True, "check_interval": "100ms"},
                               alerts={"channels": ["metrics"]})
        config["streaming"]["providers"][0]["mute"] = {"max_silence": "2s", "reconnect_after": 0}
        with Recorder(config) as recorder:
            recorder.wait_for_port()
            wait_until(lambda: venue.clients, "it subscribes")
            for _ in range(40): # until a chunk is sealed: then every family is there
                venue.send_trades(["MSFT"] * 50)
            recorder.wait_for_metric("qta_segments_total", 1)
            check_names(recorder.get("/metrics")[2])
            prometheus = start_prometheus(recorder.port, port)
            try:
                begin = time.monotonic()
                scrape(recorder, venue, port)
                check(time.monotonic() - begin < PATIENCE_S, "in time")
            finally:
                prometheus.terminate()
                prometheus.wait(PATIENCE_S)
            recorder.stop()
        os.chdir("/")


main()
