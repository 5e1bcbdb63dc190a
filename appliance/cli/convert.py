"""`pitwire convert`: an order flow in a text file to a capture."""

from __future__ import annotations

import json

import click

from appliance.cli.progress import progress_line
from appliance.config import DEMO_SESSIONS_COUNT
from pcap.convert import FlowError, convert_file, parse_utc_offset
from pcap.datagrams import MESSAGES_PER_DATAGRAM_MAX, DatagramWriter
from wire.capture import create_capture


def _utc_offset(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    try:
        return parse_utc_offset(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("convert")
@click.argument("flow", type=click.Path(dir_okay=False))
@click.argument("out", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--utc-offset",
    "utc_offset_ns",
    default="+00:00",
    show_default=True,
    callback=_utc_offset,
    help="How far the clock of the file is ahead of UTC, as +HH:MM or -HH:MM (Madrid in May: +02:00).",
)
@click.option("--session", type=click.IntRange(1, DEMO_SESSIONS_COUNT), default=1, show_default=True)
@click.option("--security-id", type=click.IntRange(1, (1 << 31) - 1), default=1, show_default=True)
@click.option(
    "--messages-per-datagram",
    type=click.IntRange(1, MESSAGES_PER_DATAGRAM_MAX),
    default=1,
    show_default=True,
    help="Most rows that share a datagram when they are of (nearly) the same time.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as one JSON object.")
def command(
    flow: str,
    out: str,
    utc_offset_ns: int,
    session: int,
    security_id: int,
    messages_per_datagram: int,
    as_json: bool,
) -> None:
    """Convert the order flow FLOW to the capture OUT (pcapng if it ends in .pcapng, with each row as a comment).

    FLOW has the columns ordtype;uid;is_buy;qty;price;timestamp: new is a limit order for the day, modif lowers the
    open quantity by qty, cancel takes the order off. Rows of one time, or of an earlier one, follow 1000 ns apart.

    \b
    Example:
      pitwire convert --utc-offset +02:00 orders.csv day.pcap
    """
    try:
        with (
            progress_line("rows") as progress,
            create_capture(out, interfaces=("orders",)) as capture,
            DatagramWriter(capture, messages_per_datagram=messages_per_datagram) as writer,
        ):
            requests = convert_file(flow, session=session, security_id=security_id, utc_offset_ns=utc_offset_ns)
            for number, request in enumerate(requests, 1):
                writer.add(request)
                if progress is not None and number % 1000 == 0:
                    progress(number)
    except FlowError as error:
        raise click.ClickException(str(error)) from None
    except ValueError as error:  # a time that the format of the capture cannot hold
        raise click.ClickException(f"{out}: {error}") from None
    except BrokenPipeError:
        raise  # click ends quietly
    except OSError as error:
        if error.filename == flow:
            raise click.ClickException(f"{flow} cannot be read: {error.strerror}.") from None
        raise click.ClickException(f"{out} cannot be written: {error.strerror}.") from None
    counts = {name: count for name, count in sorted(writer.counts.items()) if count}
    to_stderr = out == "-"
    if as_json:
        click.echo(json.dumps({"counts": counts}), err=to_stderr)
        return
    kinds = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in ("new", "replace", "cancel"))
    packets, rows = counts.get("packets", 0), counts.get("messages", 0)
    click.echo(f"{out}: {packets} packets, {rows} rows ({kinds})", err=to_stderr)
