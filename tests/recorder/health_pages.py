#!/usr/bin/python3
"""Every metric moves when what it counts happens, health pages tell how it stands, alerts arrive.

A venue of ours is good, garbles, drops the connection, goes away and comes back."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from recorder_health import (KEY, SECRET, Recorder, Venue, alpaca_config,  # noqa: E402
                             check, wait_until)

TOKEN = "hook-canary-1f8ac10f"
LABEL = 'provider="alpaca"'


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes alerts; refuses the first one once."""
    messages = []
    refusals = 0

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if Hook.refusals == 0:
            Hook.refusals = 1
            self.send_response(503)
        else:
            Hook.messages.append((self.path, json.loads(body)))
            self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass


def check_pages(recorder):
    """The pages' formats, by Prometheus' own tool where it is there."""
    status, headers, body = recorder.get("/metrics")
    check(headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", "type")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True,
                              capture_output=True, check=False)
        check(done.returncode == 0 and not done.stderr, "promtool", done.stderr)
    else:
        print("promtool is missing: its check is skipped")
    _status, headers, body = recorder.get(
        "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    check(headers["Content-Type"].startswith("application/openmetrics-text"), "openmetrics")
    check(body.endswith("\n# EOF\n"), "openmetrics ends")
    check(recorder.get("/healthz")[::2] == (200, "ok\n"), "healthz")
    check(recorder.get("/nothing")[0] == 404, "no such page")
    check(recorder.get("/metrics", "POST")[0] == 405, "POST")
    check(recorder.get("/metrics", "DELETE")[0] in (404, 405), "DELETE")
    status, headers, body = recorder.get("/metrics", "HEAD")
    check(status == 200 and body == "" and int(headers["Content-Length"]) > 1000, "HEAD")


def metrics_move(venue):
    """Good, garbled and lost messages are counted where they should be."""
    config = alpaca_config(venue, monitoring={"enabled": True, "check_interval": "100ms"},
                           thresholds={"max_latency_ms": 0})
    config["streaming_health"]["metrics"]["max_symbols"] = 2
    with Recorder(config, "--max-ticks", "1000000") as recorder: # there is a callback
        recorder.wait_for_port()
        wait_until(lambda: venue.clients, "it subscribes")
        check(recorder.get("/readyz")[0] == 503, "not ready without a tick")
        before = recorder.metrics()
        check(before[f"qta_ticks_total{{{LABEL},type=\"trade\"}}"] == 0, "starts at zero")
        for _ in range(400):
            venue.send_trades(["AAPL", "MSFT", "SPY", "QQQ"], age_ms=30)
        venue.send("this is no JSON")
        recorder.wait_for_metric(f'qta_decode_errors_total{{{LABEL},kind="syntax"}}', 1)
        after = recorder.metrics()
        check(after[f"qta_ticks_total{{{LABEL},type=\"trade\"}}"] == 1600, "ticks", after)
        for symbol, count in (("AAPL", 400), ("MSFT", 400), ("other", 800)):
            name = f'websocket_messages_total{{{LABEL},symbol="{symbol}"}}'
            check(after[name] == count, "by symbol", name, after[name])
        check(f'websocket_messages_total{{{LABEL},symbol="SPY"}}' not in after, "bounded")
        check(after[f"qta_frames_total{{{LABEL}}}"] >= 403, "frames")
        check(after[f"qta_received_bytes_total{{{LABEL}}}"] > 100000, "bytes")
        latency = f"qta_venue_latency_seconds_bucket{{{LABEL},le=\"%s\"}}"
        check(after[f"qta_venue_latency_seconds_count{{{LABEL}}}"] == 1600, "latencies")
        check(after[latency % "0.025"] == 0, "none arrives before it was sent")
        check(after[f"qta_venue_latency_seconds_sum{{{LABEL}}}"] >= 1600 * 0.03, "their sum")
        check(after['qta_callback_latency_seconds_count{subscriber="callbacks"}'] >= 1600, "to the callbacks")
        check(after['qta_dispatched_ticks_total{subscriber="callbacks"}'] >= 1600, "dispatched")
        check(after[f"websocket_connection_latency_seconds_count{{{LABEL}}}"] == 1, "connected")
        check(after[f'qta_connection_state{{{LABEL},state="subscribed"}}'] == 1, "state")
        check(after[f'qta_connection_state{{{LABEL},state="idle"}}'] == 0, "one state")
        check(after["websocket_active_connections"] == 1, "active")
        check(after[f'qta_subscriptions{{{LABEL},state="accepted"}}'] == 3, "subscriptions")
        check(after["qta_journal_bytes"] >= 65536, "journal")
        check(after["qta_disk_free_bytes"] > 0, "disk")
        check(after["process_open_fds"] > 5 and after["process_resident_memory_bytes"] > 1e6,
              "process")
        check(recorder.get("/readyz")[::2] == (200, "ok\n"), "ready")
        recorder.wait_for_metric("qta_segments_total", 1)
        after = recorder.metrics()
        check(after["qta_seal_seconds_count"] >= 1 and after["qta_segment_bytes_total"] > 0 and
              after["qta_sealed_ticks_total"] > 100 and after["qta_compression_ratio"] > 1,
              "sealed", after)
        recorder.wait_for_metric(f"qta_ping_round_trip_seconds_count{{{LABEL}}}", 1)
        connection = json.loads(recorder.get("/status")[2])["connections"][0]
        check(0 < connection["ping_s"] < 60, "round trip", connection)
        venue.send_trades(["AAPL"])
        wait_until(lambda: recorder.metrics().get(
            'stream_data_freshness_seconds{connection="alpaca"}', 99) < 5, "fresh")
        venue.drop_clients()
        cause = 'cause="peer_closed"'
        recorder.wait_for_metric(f'stream_reconnect_total{{connection="alpaca",{cause}}}', 1)
        recorder.wait_for_metric(f"qta_connects_total{{{LABEL}}}", 2)
        recorder.wait_for_metric(f"qta_gaps_total{{{LABEL},{cause}}}", 1)
        after = recorder.metrics()
        check(after[f"qta_disconnects_total{{{LABEL},{cause}}}"] == 1, "disconnects")
        check(after[f"qta_connection_attempts_total{{{LABEL}}}"] >= 2, "attempts")
        check(after['qta_http_requests_total{result="ok"}'] > 5, "requests")
        check_pages(recorder)
        wait_until(lambda: recorder.status()["connections"][0].get("ticks_per_s") is not None,
                   "rates")
        check_no_secrets(recorder)
        recorder.stop()


def check_no_secrets(recorder):
    texts = [recorder.get(path)[2] for path in ("/metrics", "/status", "/health", "/readyz")]
    texts.append(recorder.read_log())
    for secret in (KEY, SECRET, TOKEN):
        check(not any(secret in text for text in texts), "no secrets", secret)


def alerts_arrive(venue):
    """A venue that goes away is told by log, metrics, webhook and command; then that it is over."""
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    told = os.path.abspath("told.txt")
    config = alpaca_config(
        venue, monitoring={"enabled": True, "check_interval": "200ms"},
        alerts={"channels": ["log", "metrics", "webhook", "command"], "escalation_threshold": 5,
                "webhook_url": f"http://localhost:{hook.server_port}/T/{TOKEN}",
                "command": ["/bin/sh", "-c",
                            f'echo "$QTA_ALERT $QTA_ALERT_STATE $ALPACA_API_KEY." >> {told}']})
    with Recorder(config) as recorder:
        recorder.wait_for_port()
        wait_until(lambda: venue.clients, "it subscribes")
        venue.send_trades(["AAPL"])
        wait_until(lambda: recorder.get("/readyz")[0] == 200, "ready")
        state = 'qta_alert_state{alert="connection_down",connection="alpaca"}'
        check(recorder.metrics()[state] == 0, "quiet")
        venue.stop()
        recorder.wait_for_metric(state, 2)
        check(recorder.metrics()[state.replace("_state", "s_total")] == 1, "counted once")
        recorder.wait_for_metric(f"qta_connection_failures{{{LABEL}}}", 1)
        status, _headers, reasons = recorder.get("/readyz")
        check(status == 503 and reasons.startswith("alpaca: "), "not ready", reasons)
        status, _headers, body = recorder.get("/health")
        check(status == 503 and not json.loads(body)["ready"], "health", body)
        check(recorder.get("/status")[0] == 200, "status")
        check("alerts: connection_down firing: alpaca: not subscribed" in recorder.read_log(),
              "log", recorder.read_log())
        down = wait_until(lambda: [m for m in Hook.messages if m[1]["alert"] == "connection_down"],
                          "webhook")[0]
        check(down[0] == f"/T/{TOKEN}", "the webhook's path", down[0])
        check(down[1]["connection"] == "alpaca" and down[1]["state"] == "firing" and
              down[1]["before"] == "resolved", "its message", down)
        wait_until(lambda: os.path.exists(told) and "connection_down firing ." in open(
            told, encoding="utf-8").read(), "command, and no key in its environment")
        recorder.wait_for_metric('qta_alert_deliveries_total{channel="webhook",result="sent"}', 1)
        recorder.wait_for_metric('qta_alert_deliveries_total{channel="command",result="sent"}', 1)
        check_no_secrets(recorder)
        venue.start()
        wait_until(lambda: venue.clients, "it comes back")
        wait_until(lambda: recorder.metrics()[state] == 0, "over")
        alerts = {(a["alert"], a["state"]) for a in recorder.status()["alerts"]}
        check(("connection_down", "resolved") in alerts, "remembered", alerts)
        recorder.stop()
    hook.shutdown()


def slow_output_is_counted(venue):
    """Ticks that nobody takes are dropped by policy, and the queue's depth shows."""
    config = alpaca_config(venue, monitoring={"enabled": True, "check_interval": "100ms"},
                           thresholds={"max_queue_depth": 10},
                           alerts={"channels": ["metrics"]})
    config["streaming"] |= {"buffer_size": 64, "overflow": "drop_newest",
                            "callback_hang_after": "200ms"}
    with Recorder(config, "--format", "ndjson", stdout=subprocess.PIPE) as recorder:
        recorder.wait_for_port()
        wait_until(lambda: venue.clients, "it subscribes")
        for _ in range(100):
            venue.send_trades(["AAPL"] * 20)
        recorder.wait_for_metric('qta_dropped_ticks_total{subscriber="callbacks"}', 100)
        recorder.wait_for_metric('stream_buffer_queue_depth{buffer="callbacks"}', 60)
        recorder.wait_for_metric('qta_alert_state{alert="queue_depth"}', 1)
        recorder.wait_for_metric('qta_subscriber_lag_seconds{subscriber="callbacks"}', 0.001)
        recorder.wait_for_metric('qta_callback_hangs_total{subscriber="callbacks"}', 1)
        recorder.wait_for_metric('qta_callback_hanging_seconds{subscriber="callbacks"}', 0.2)
        slow = recorder.status()["subscribers"][0]
        check(slow["name"] == "callbacks" and slow["overflow"] == "drop_newest" and
              slow["queued"] >= 60 and slow["capacity"] == 64 and slow["lag_s"] > 0 and
              slow["dropped"] >= 100 and slow["hangs"] == 1 and slow["hanging_s"] > 0 and
              not slow["disconnected"], "status", slow)
        check("subscriber 'callbacks': callback " in recorder.read_log() and
              " has not returned for " in recorder.read_log(), "named", recorder.read_log())
        threading.Thread(target=recorder.process.stdout.read, daemon=True).start()
        recorder.stop()


def taken_port_costs_no_recording(venue):
    """Recording is worth more than being looked at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = alpaca_config(venue)
        config["streaming_health"] = {
            "metrics": {"enabled": True, "port": taken.getsockname()[1]},
            "api": {"enabled": True, "port": 0},
        }
        with Recorder(config) as recorder:
            recorder.wait_for_port() # the other one's
            check("cannot listen on '127.0.0.1:" in recorder.read_log(), "said", recorder.read_log())
            wait_until(lambda: venue.clients, "it subscribes")
            venue.send_trades(["AAPL"])
            recorder.wait_for_metric(f"qta_ticks_total{{{LABEL},type=\"trade\"}}", 1)
            recorder.stop()


def main():
    for case in (metrics_move, alerts_arrive, slow_output_is_counted, taken_port_costs_no_recording):
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            venue = Venue()
            case(venue)
            venue.stop()
            os.chdir("/")
        print(f"ok {case.__name__}")


main()
