"""`pitwire demo`: the main job on this machine."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.settings import config_option
from appliance.config import Config

if TYPE_CHECKING:
    from appliance.client.replayer import Latency, Progress
    from appliance.demo.scene import Outcome

EXIT_CHECK_FAILED = 3
DEMO_CAPTURE = "demo_calm.pcap"
PLAIN_PROGRESS_SECONDS = 1.0


@click.command("demo")
@click.option(
    "--port",
    "wanted",
    type=click.Choice(["auto", "xdp", "packet", "udp", "dpdk", "pcap"]),
    default="auto",
    show_default=True,
    help="Port of the venue; auto takes the best that this machine and these rights allow; dpdk (over memif) only "
    "where it is named, here or as port.kind of the configuration.",
)
@click.option(
    "--capture", type=click.Path(dir_okay=False, path_type=Path), help="Order flow. [default: demo_calm.pcap]"
)
@click.option("--rate", type=click.FloatRange(min=1), default=5000.0, show_default=True, help="Datagrams a second.")
@click.option(
    "--drop-percent",
    type=click.FloatRange(0, 50),
    default=1.0,
    show_default=True,
    help="Market data datagrams that the subscriber loses on purpose.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(wanted: str, capture: Path | None, rate: float, drop_percent: float, config: Config, as_json: bool) -> None:
    """Run the whole appliance here, end to end, and check that everybody agrees.

    Two network namespaces joined by a veth pair; the appliance on AF_XDP in one; in the other a client that sends the
    orders of a capture and measures the answers with its own clock, and a subscriber that loses some of the market
    data on purpose and completes it over TCP. At the end its book must equal the engine's, nothing may be lost, and
    the replay of the same capture must end in the same state. Nothing is left behind.

    With --port dpdk no kernel is between them: venue and client are two DPDK processes joined by memif.

    Without the rights or packages for that it says what is missing and uses the next best port.

    \b
    Examples:
      pitwire demo
      pitwire demo --port udp --rate 20000
      pitwire demo --port dpdk
      pitwire demo --capture day.pcap --drop-percent 0

    Exit status: 0 all agreed, 1 failed, 2 misused, 3 a check failed.
    """
    from appliance.demo.placement import choose_port, place

    if capture is None:
        import pcap

        capture = Path(pcap.__file__).parent / "captures" / DEMO_CAPTURE
    if wanted == "auto" and config.port.kind == "dpdk":
        wanted = "dpdk"
    kind, sentences = choose_port(wanted)
    for sentence in sentences:
        click.echo(sentence, err=True)
    if kind == "pcap":
        _replay_only(capture, config, as_json)
        return

    from appliance.client.replayer import ReplayError as ClientError
    from appliance.client.workload import WorkloadError
    from appliance.demo.scene import DemoError, run_demo
    from appliance.replay import ReplayError
    from native.ports import PortError
    from nic.namespaces import NamespaceError
    from wire.capture import CaptureError

    line = _ProgressLine()
    try:
        outcome = run_demo(
            kind,
            capture,
            config,
            place(),
            orders_a_second=rate,
            drop_percent=drop_percent,
            say=line.say,
            show=line.show,
        )
    except (DemoError, ClientError, ReplayError, WorkloadError, PortError, NamespaceError, CaptureError) as error:
        line.end()
        raise click.ClickException(str(error)) from None
    except OSError as error:
        line.end()
        raise click.ClickException(f"{error.filename or capture}: {error.strerror}.") from None
    line.end()
    if as_json:
        click.echo(json.dumps(asdict(outcome) | {"faults": outcome.faults}))
    else:
        _print(outcome)
    if outcome.faults:
        for fault in outcome.faults:
            click.echo(f"check failed: {fault}", err=True)
        raise click.exceptions.Exit(EXIT_CHECK_FAILED)


class _ProgressLine:
    """One line that is written over on a terminal; on a pipe a line a second."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.shown = 0.0
        self.open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        self.end()
        click.echo(f"[demo] {text}", err=True)

    def show(self, progress: Progress) -> None:
        """How far the client is."""
        now = time.monotonic()
        if not self.is_terminal and now - self.shown < PLAIN_PROGRESS_SECONDS:
            return
        self.shown = now
        share = 100 * progress.datagrams_sent // max(progress.datagrams, 1)
        text = (
            f"{share:3d} %  sent {progress.datagrams_sent:,}  answered {progress.answered:,}  "
            f"fills {progress.fills:,}  {progress.seconds:.1f} s"
        )
        click.echo(f"\r{text}\x1b[K" if self.is_terminal else text, err=True, nl=not self.is_terminal)
        self.open = self.is_terminal

    def end(self) -> None:
        """Leave the line."""
        if self.open:
            click.echo("", err=True)
            self.open = False


def _us(value_ns: int) -> str:
    return f"{value_ns / 1000:,.1f}"


def _latency_row(latency: Latency) -> str:
    return (
        f"p50 {_us(latency.p50_ns)}  p99 {_us(latency.p99_ns)}  p99.9 {_us(latency.p999_ns)}  "
        f"max {_us(latency.max_ns)} us"
    )


def _print(outcome: Outcome) -> None:
    client, venue, feed = outcome.client, outcome.venue, outcome.subscriber
    counted = venue["counters"]
    same_book = feed["book_digest"] == venue["book_digest"]
    same_state = venue["state_hash"] == outcome.replay_state_hash
    rows: list[tuple[str, Any]] = [
        ("port", outcome.port),
        ("orders", f"{client.requests_sent:,} requests sent in {client.seconds:.2f} s"),
        ("acks", f"{client.acks:,}"),
        ("fills", f"{counted['fills']:,} ({client.fills:,} reports, one a side), {counted['shares_traded']:,} lots"),
        ("cancels", f"{client.cancels:,}"),
        ("replaces", f"{client.modifies:,}"),
        ("rejects", f"{client.rejects:,}"),
        ("packets in", f"{counted['packets_in']:,} at the venue, {client.packets_in:,} at the client"),
        ("packets out", f"{counted['packets_out']:,} from the venue, {client.datagrams_sent:,} from the client"),
        ("lost", f"{client.lost}"),
        ("latency", f"{_latency_row(client.latency)} (wire to wire, the client's clock)"),
        ("response", f"{_latency_row(client.response)} (from when each was due)"),
        (
            "feed",
            f"{feed['counters']['messages']:,} messages; {feed['dropped_on_purpose']:,} datagrams lost on purpose, "
            f"{feed['counters']['messages_recovered']:,} messages recovered over TCP",
        ),
        ("book", f"{venue['open_orders']:,} open orders; subscriber's {'equal' if same_book else 'DIFFERENT'}"),
        ("state hash", f"{venue['state_hash']} ({'equal to' if same_state else 'DIFFERENT from'} the replay's)"),
    ]
    for name, value in rows:
        click.echo(f"{name:12} {value}")
    for name, value in venue["dropped"].items():
        click.echo(f"{name:24} {value}")


def _replay_only(capture: Path, config: Config, as_json: bool) -> None:
    from appliance.replay import ReplayError, replay_capture

    try:
        result = replay_capture(capture, config)
    except ReplayError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps({"port": "pcap"} | result.to_dict()))
        return
    click.echo(f"{'port':12} pcap, replayed inside one process: there is no wire, so no latency wire to wire")
    for name, value in result.to_dict().items():
        if name != "dropped":
            click.echo(f"{name:20} {value}")
