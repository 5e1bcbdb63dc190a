"""`pitwire observe`: the counters and latencies of a running appliance, from outside."""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import click

from appliance import live_view, prometheus
from appliance.distributor_counters import DISTRIBUTOR_COUNTERS
from appliance.observe import ObserveError, Observer, Snapshot, latency_facts, rates
from native.counters import COUNTERS

_OF_THE_DISTRIBUTOR = {counter.name: counter.sentence for counter in DISTRIBUTOR_COUNTERS}
_SENTENCES = {counter.name: counter.sentence for counter in COUNTERS}


@click.command("observe")
@click.option(
    "--name", default="pitwire", show_default=True, help="Name of the instance (`name` in its configuration)."
)
@click.option("--all", "show_all", is_flag=True, help="Counters that are 0 as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--watch",
    "watch_seconds",
    type=click.FloatRange(min=0.05),
    help="A page of rates, latencies by stage, ring and drops, again every so many seconds.",
)
@click.option("--count", type=click.IntRange(min=1), help="With --watch: end after so many times.")
@click.option("--prometheus", "as_prometheus", is_flag=True, help="Prometheus text, once.")
@click.option("--listen", metavar="IP:PORT", help="Serve Prometheus text at http://IP:PORT/metrics until interrupted.")
def command(
    name: str,
    show_all: bool,
    as_json: bool,
    watch_seconds: float | None,
    count: int | None,
    as_prometheus: bool,
    listen: str | None,
) -> None:
    """Print the counters of a running appliance. It does not notice: they are read from its shared memory.

    \b
    Examples:
      pitwire observe
      pitwire observe --watch 1
      pitwire observe --json | jq .stages_ns.match
      pitwire observe --listen 127.0.0.1:9464
    """
    try:
        observer = Observer(name)
        if listen is not None:
            _serve(observer, listen)
        elif as_prometheus:
            click.echo(prometheus.text(name, observer.snapshot()), nl=False)
        elif watch_seconds is not None:
            _watch(observer, watch_seconds, count, as_json)
        else:
            _print_once(observer.snapshot(), name, show_all, as_json)
    except ObserveError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        return


def facts(name: str, now: Snapshot, before: Snapshot | None = None) -> dict[str, Any]:
    """A snapshot as plain values; with the one before it, rates a second."""
    found: dict[str, Any] = {
        "name": name,
        "counters": now.counters,
        "turn_latency_ns": {} if now.turns is None else latency_facts(now.turns),
        "stages_ns": {stage: latency_facts(values) for stage, values in now.stages.items()},
        "turns_by_frames": list(now.turns_by_frames),
        "port": now.port,
        "log": now.log,
        "distributor": now.distributor,
        "gateway": now.gateway,
    }
    if before is not None:
        found["rates"] = rates(before.counters, now.counters, max(now.time_ns - before.time_ns, 1) / 1e9)
    return found


def _watch(observer: Observer, seconds: float, count: int | None, as_json: bool) -> None:
    before = observer.snapshot()
    shown = 0
    on_screen = sys.stdout.isatty() and not as_json
    while count is None or shown < count:
        time.sleep(seconds)
        now = observer.snapshot()
        if as_json:
            click.echo(json.dumps(facts(observer.name, now, before)))
        else:
            lines = live_view.page(observer.name, before, now)
            if on_screen:
                click.clear()
            click.echo("\n".join(lines if on_screen else [*lines, ""]))
        before = now
        shown += 1


def _print_once(now: Snapshot, name: str, show_all: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts(name, now)))
        return
    rows = [(key, f"{value:,}", _SENTENCES[key]) for key, value in now.counters.items() if value or show_all]
    rows += [
        (f"distributor {key}", f"{value:,}", _OF_THE_DISTRIBUTOR[key])
        for key, value in now.distributor.items()
        if value or show_all
    ]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table

        table = Table("counter", box=None)
        table.add_column("value", justify="right")
        table.add_column("what it counts", style="dim")
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    else:
        for key, value, _ in rows:
            click.echo(f"{key:<24} {value:>20}")
    if now.log:
        shown = {name: value for name, value in now.log.items() if value or show_all}
        click.echo("log: " + " ".join(f"{name} {value:,}" for name, value in shown.items()))
    latencies = {} if now.turns is None else {"turn": now.turns}
    for stage, values in (latencies | now.stages).items():
        found = latency_facts(values)
        if found["count"]:
            click.echo(f"{stage}, ns: " + " ".join(f"{part} {value:,}" for part, value in found.items()))


def _serve(observer: Observer, listen: str) -> None:
    ip, _, port = listen.rpartition(":")
    if not ip or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise click.ClickException(f"--listen {listen!r} is not IP:PORT, as in 127.0.0.1:9464.")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/metrics":
                self.send_error(404, "The metrics are at /metrics.")
                return
            body = prometheus.text(observer.name, observer.snapshot()).encode()
            self.send_response(200)
            self.send_header("Content-Type", prometheus.CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are no news."""

    try:
        server = HTTPServer((ip, int(port)), Handler)
    except OSError as error:
        raise click.ClickException(f"{listen} cannot be listened on: {error.strerror}.") from None
    with server:
        click.echo(f"http://{ip}:{server.server_port}/metrics", err=True)
        server.serve_forever()
