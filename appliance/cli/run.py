"""`pitwire run`: the appliance itself."""

from __future__ import annotations

import json
import signal
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from appliance.cli.notify import notify
from appliance.cli.settings import config_option
from appliance.config import Config

if TYPE_CHECKING:
    from appliance.control import Appliance

_CHECK_SECONDS = 0.1
_STATUS_SECONDS = 1.0


@click.command("run")
@config_option
@click.option("--seconds", type=click.FloatRange(min=0), help="Stop by itself after this time.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line when it is ready, one when it has stopped.")
@click.option("--remove", is_flag=True, help="Remove the journal and feed store from shared memory at the end.")
def command(config: Config, seconds: float | None, as_json: bool, remove: bool) -> None:
    """Run the appliance until SIGINT, SIGTERM or `pitwire control stop`.

    It takes order-entry datagrams from its port, answers them, publishes market data by multicast (L3; line B, L2, L1
    and snapshots by a process of its own) and gives ranges of it again over TCP. Its counters, journal and feed stores
    lie in /dev/shm/pitwire-NAME; `pitwire observe` shows them. The journal stays there when it stops: replay it with
    `pitwire replay /dev/shm/pitwire-NAME`. What a run that was killed has left is carried on; with journal.mode disk so
    is the log in journal.directory, however it ended.

    \b
    Examples:
      pitwire run
      pitwire run --config venue.toml
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    from appliance.control import Appliance, ApplianceError
    from appliance.exchange import ExchangeError

    appliance = Appliance(config)
    try:
        if not as_json:
            click.echo("compiling or loading kernels ...", err=True)
        with appliance:
            _say_ready(appliance, as_json)
            notify("READY=1", f"STATUS={appliance.port.describe()}")
            _watch(appliance, ended, seconds, as_json)
    except (ApplianceError, ExchangeError) as error:
        raise click.ClickException(str(error)) from None
    if remove:
        appliance.shared.remove()
    if appliance.replica_disagrees:
        click.echo("warning: The replica ended in another state than the loop: keep the log and report it.", err=True)
    summary = asdict(appliance.summary)
    if as_json:
        click.echo(json.dumps({"stopped": summary}))
        return
    click.echo(f"state hash {summary['state_hash']}, {summary['open_orders']} orders open")
    for name, value in summary["counters"].items():
        if value:
            click.echo(f"{name:24} {value}")
    if not remove:
        click.echo(f"journal: {summary['journal']}")


def _say_ready(appliance: Appliance, as_json: bool) -> None:
    config = appliance.config
    facts = {
        "port": appliance.port.describe(),
        "order_entry": f"{config.order_entry.ip}:{config.order_entry.udp_port}",
        "feed": f"{config.feed.group}:{config.feed.udp_port}",
        "distributor": _lines(config) if config.distributor.enabled else None,
        "recovery": f"{config.recovery.ip}:{config.recovery.tcp_port}" if config.recovery.enabled else None,
        "shared_memory": str(appliance.shared.path),
    }
    recovered = appliance.log.recovered_records
    if recovered:
        facts["carried_on"] = f"{recovered} records"
        facts["snapshot"] = str(appliance.recovery.snapshot) if appliance.recovery.snapshot else None
        facts["decided_again"] = f"{recovered - appliance.recovery.sequence} records"
        facts["feed_from"] = f"message {appliance.feed_first_number}"
    if appliance.recovery.refused:
        facts["passed_over"] = " ".join(appliance.recovery.refused)
    if appliance.log.torn:
        facts["cut_off"] = appliance.log.torn
    if as_json:
        print(json.dumps({"ready": facts}), flush=True)
        return
    for name, value in facts.items():
        click.echo(f"{name:14} {value or 'off'}")


def _lines(config: Config) -> str:
    """The multicast lines of the distributor, A/B."""
    own = config.distributor
    lines = [f"L3 -/{own.l3_port_b}", f"L2 {own.l2_port}/{own.l2_port_b}", f"L1 {own.l1_port}/{own.l1_port_b}"]
    lines.append(f"snapshots {own.snapshot_port}/{own.snapshot_port_b}")
    return f"A {config.feed.group}, B {own.group_b}: {', '.join(lines)}; {len(own.subscribers)} subscribers by unicast"


def _watch(appliance: Appliance, ended: threading.Event, seconds: float | None, as_json: bool) -> None:
    from native import counters

    show = not as_json and sys.stderr.isatty()
    told = ""
    waited = 0.0
    since_status = 0.0
    turns = -1
    while not ended.wait(_CHECK_SECONDS):
        appliance.check()
        if appliance.stop_asked:
            break
        if appliance.problem != told:
            told = appliance.problem
            click.echo(f"warning: {told}" if told else "The warning no longer holds.", err=True)
        if turns != (turns := appliance.counter(counters.TURNS)):  # silence tells systemd that it hangs
            notify("WATCHDOG=1")
        waited += _CHECK_SECONDS
        since_status += _CHECK_SECONDS
        if show and since_status >= _STATUS_SECONDS:
            since_status = 0.0
            line = "  ".join(
                f"{label} {appliance.counter(index):,}"
                for label, index in (
                    ("in", counters.PACKETS_IN),
                    ("out", counters.PACKETS_OUT),
                    ("accepted", counters.ORDERS_ACCEPTED),
                    ("fills", counters.FILLS),
                    ("open", counters.OPEN_ORDERS),
                )
            )
            click.echo(f"\r{line}\x1b[K", err=True, nl=False)
        if seconds is not None and waited >= seconds:
            break
    if show:
        click.echo("", err=True)
