"""`pitwire client replay`: send the orders of a capture as fast, or at such a pace, as asked, and measure."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import click

from appliance.cli.progress import progress_line
from appliance.cli.settings import config_option
from appliance.config import Config, OrderEntry

MICROSECOND_NS = 1000
SHOW_SECONDS = 0.1


@click.command("replay")
@click.argument("capture", type=click.Path(dir_okay=False, path_type=Path))
@config_option
@click.option("--host", metavar="IP", help="Address of the appliance. [default: the configuration's]")
@click.option("--port", type=click.IntRange(1, 65535), help="Its order-entry UDP port.")
@click.option(
    "--capture-port",
    type=click.IntRange(1, 65535),
    default=OrderEntry().udp_port,
    show_default=True,
    help="Order-entry UDP port in the capture.",
)
@click.option("--local-ip", default="0.0.0.0", show_default=True, metavar="IP", help="Our address.")
@click.option("-p", "--rate", type=click.FloatRange(min=0, min_open=True), help="Datagrams a second.")
@click.option("-x", "--multiplier", type=click.FloatRange(min=0, min_open=True), help="Times the recorded speed.")
@click.option(
    "--window", type=click.IntRange(min=0), default=64, show_default=True, help="Unanswered requests at most."
)
@click.option("-L", "--limit", type=click.IntRange(min=1), help="Send only so many datagrams.")
@click.option("--hgrm", type=click.Path(dir_okay=False, path_type=Path), help="Write the latency distribution here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def replay(
    capture: Path,
    config: Config,
    host: str | None,
    port: int | None,
    capture_port: int,
    local_ip: str,
    rate: float | None,
    multiplier: float | None,
    window: int,
    limit: int | None,
    hgrm: Path | None,
    as_json: bool,
) -> None:
    """Send the order-entry datagrams of CAPTURE to a running appliance over UDP and measure until the first report.

    Without --rate and --multiplier they go as fast as --window lets them. The sessions' numbers are those of the
    capture, so the appliance must be fresh. Status 1: some requests were not answered.

    \b
    Examples:
      pitwire client replay pcap/captures/demo_calm.pcap
      pitwire client replay day.pcap --rate 20000 --window 0 --hgrm day.hgrm
    """
    if rate is not None and multiplier is not None:
        raise click.UsageError("--rate and --multiplier exclude each other.")
    from appliance import histogram
    from appliance.client.replayer import Endpoint, Pace, Replayer, ReplayError, ReplayResult
    from appliance.client.workload import WorkloadError, load_workload
    from native.ports import PortConfig, PortError, open_port
    from wire.capture import CaptureError, open_capture

    target = Endpoint(host or config.order_entry.ip, port or config.order_entry.udp_port)
    try:
        workload = load_workload(open_capture(capture), capture_port, limit)
        with open_port(PortConfig(kind="udp", local_ip=local_ip)) as wire:
            source = Endpoint("0.0.0.0", wire.udp_port)
            replayer = Replayer(workload, wire, source, target, Pace(rate, multiplier, window))
            result = _run(replayer, workload.datagrams, as_json)
        if hgrm is not None:
            with open(hgrm, "w", encoding="utf-8") as out:
                histogram.write_hgrm(replayer.service_histogram, out)
    except (CaptureError, WorkloadError, ReplayError, PortError) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or capture}: {error.strerror or error}.") from None
    assert isinstance(result, ReplayResult)
    click.echo(json.dumps(result.to_dict()) if as_json else _text(result))
    if result.requests_sent and not result.answered:
        where = f"{target.ip}:{target.udp_port}"
        raise click.ClickException(f"Nothing was answered: is the appliance running at {where}, and fresh?")
    if result.lost or result.datagrams_sent < result.datagrams:
        raise click.exceptions.Exit(1)


def _run(replayer: object, total: int, as_json: bool) -> object:
    """Run in a thread, so that progress can be shown and Ctrl-C heard."""
    from appliance.client.replayer import Replayer

    assert isinstance(replayer, Replayer)
    outcome: list[object] = []

    def work() -> None:
        try:
            outcome.append(replayer.run())
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    with progress_line("datagrams", total, hidden=as_json) as progress:
        thread.start()
        try:
            while thread.is_alive():
                thread.join(SHOW_SECONDS)
                if progress is not None:
                    progress(replayer.progress().datagrams_sent)
        except KeyboardInterrupt:
            replayer.stop()
            thread.join()
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _text(result: object) -> str:
    from appliance.client.replayer import ReplayResult

    assert isinstance(result, ReplayResult)
    rate = result.datagrams_sent / result.seconds if result.seconds else 0
    latency = result.latency
    rows = [
        ("datagrams sent", f"{result.datagrams_sent} of {result.datagrams}, {rate:,.0f} a second"),
        ("requests", f"{result.requests_sent} sent, {result.answered} answered, {result.refused} refused"),
        ("lost", str(result.lost)),
        ("reports", f"{result.acks} acks, {result.fills} fills, {result.cancels} cancels, {result.modifies} modifies"),
        ("refused", f"{result.rejects} rejects, {result.not_applied} not applied, {result.business_rejects} business"),
        ("reports missing", str(result.reports_missing)),
        (
            "latency, us",
            " ".join(
                f"{name} {value / MICROSECOND_NS:.1f}"
                for name, value in (
                    ("p50", latency.p50_ns),
                    ("p99", latency.p99_ns),
                    ("p99.9", latency.p999_ns),
                    ("max", latency.max_ns),
                )
            ),
        ),
        ("seconds", f"{result.seconds:.3f}"),
    ]
    return "\n".join(f"{name:<16} {value}" for name, value in rows)
