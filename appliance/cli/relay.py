"""`pitwire relay`: datagrams in, and out again with faults, for practice."""

from __future__ import annotations

import dataclasses
import json
import selectors
import socket
import time
from typing import Any, NamedTuple

import click

from appliance.cli.feed_lines import ip_and_port
from appliance.client.follower import join
from appliance.client.relay import FaultyLine, LinePolicy

DATAGRAM_BYTES_MAX = 65_536
BURST_MAX = 256
IDLE_SECONDS = 0.2
FIELDS = {
    "loss": ("loss_percent", 1),
    "burst": ("burst_percent", 1),
    "burst-length": ("burst_length", 1),
    "delay-us": ("delay_ns", 1000),
    "jitter-us": ("jitter_ns", 1000),
    "reorder": ("reorder_percent", 1),
    "reorder-us": ("reorder_ns", 1000),
    "duplicate": ("duplicate_percent", 1),
    "corrupt": ("corrupt_percent", 1),
}


class Way(NamedTuple):
    """From where to where, and what happens on the way."""

    source: tuple[str, int]
    target: tuple[str, int]
    policy: LinePolicy


def way(text: str, common: LinePolicy) -> Way:
    """IP:PORT=IP:PORT[,fault=number]..., over the faults that all lines have. Raises click.BadParameter."""
    head, *parts = text.split(",")
    source, separator, target = head.partition("=")
    if not separator:
        raise click.BadParameter(f"{text!r} is not IN=OUT, both as IP:PORT.")
    changes: dict[str, Any] = {}
    for part in parts:
        name, _, number = part.partition("=")
        if name not in FIELDS:
            raise click.BadParameter(f"There is no fault {name!r}: it is one of {', '.join(FIELDS)}.")
        field, unit = FIELDS[name]
        try:
            changes[field] = int(float(number) * unit) if field.endswith("_ns") else float(number)
        except (ValueError, OverflowError):
            raise click.BadParameter(f"{part!r}: that is no number.") from None
    try:
        return Way(ip_and_port(source), ip_and_port(target), dataclasses.replace(common, **changes))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


class Relay:
    """The sockets of all lines around their cores."""

    def __init__(self, ways: list[Way], seed: int, interface_ip: str, out_interface_ip: str, ttl: int) -> None:
        """Raises OSError."""
        self.lines = [FaultyLine(one.policy, seed + number) for number, one in enumerate(ways)]
        self.send_failures = 0
        self._targets = [one.target for one in ways]
        self._selector = selectors.DefaultSelector()
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(out_interface_ip))
        self._sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
        try:
            for number, one in enumerate(ways):
                receiver = join(*one.source, interface_ip)
                receiver.setblocking(False)
                self._selector.register(receiver, selectors.EVENT_READ, number)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close every socket."""
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        self._sender.close()

    def step(self, longest_seconds: float) -> int:
        """Wait for a datagram, or for the time of one that waits; take and send what is due. Returns datagrams sent."""
        due = [line.next_due_ns for line in self.lines if line.next_due_ns is not None]
        wait = longest_seconds
        if due:
            wait = min(wait, max(min(due) - time.monotonic_ns(), 0) / 1e9)
        for key, _ in self._selector.select(wait):
            assert isinstance(key.fileobj, socket.socket)
            for _ in range(BURST_MAX):
                try:
                    datagram = key.fileobj.recv(DATAGRAM_BYTES_MAX)
                except (BlockingIOError, InterruptedError):
                    break
                self.lines[key.data].offer(datagram, time.monotonic_ns())
        sent = 0
        for line, target in zip(self.lines, self._targets, strict=True):
            for datagram in line.due(time.monotonic_ns()):
                try:
                    self._sender.sendto(datagram, target)
                    sent += 1
                except OSError:
                    self.send_failures += 1
        return sent


def _facts(relay: Relay, ways: list[Way]) -> list[dict[str, Any]]:
    return [
        {"from": f"{one.source[0]}:{one.source[1]}", "to": f"{one.target[0]}:{one.target[1]}"}
        | dataclasses.asdict(line.counts)
        for one, line in zip(ways, relay.lines, strict=True)
    ]


@click.command("relay")
@click.argument("lines", nargs=-1, required=True, metavar="IN=OUT[,FAULT=N]...")
@click.option("--loss", type=float, default=0.0, help="Percent of datagrams lost, each by its own chance.")
@click.option("--burst", type=float, default=0.0, help="Percent of datagrams lost in bursts (Gilbert-Elliott).")
@click.option("--burst-length", type=float, default=8.0, show_default=True, help="Mean datagrams a burst.")
@click.option("--delay-us", type=float, default=0.0, help="Delay of every datagram.")
@click.option("--jitter-us", type=float, default=0.0, help="Up to so much more, by chance: they overtake each other.")
@click.option("--reorder", type=float, default=0.0, help="Percent held back by --reorder-us more.")
@click.option("--reorder-us", type=float, default=1000.0, show_default=True)
@click.option("--duplicate", type=float, default=0.0, help="Percent sent twice.")
@click.option("--corrupt", type=float, default=0.0, help="Percent with one to three bytes changed, checksum right.")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same datagrams: same faults.")
@click.option("--interface-ip", default="127.0.0.1", show_default=True, help="Our interface to the groups listened to.")
@click.option("--out-interface-ip", default="127.0.0.1", show_default=True, help="Interface for groups sent to.")
@click.option("--ttl", type=click.IntRange(0, 255), default=1, show_default=True, help="TTL of multicast sent.")
@click.option("--seconds", type=click.FloatRange(min=0.01), help="End after so long; else at Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="What became of the datagrams, as one JSON object at the end.")
def command(
    lines: tuple[str, ...],
    seed: int,
    interface_ip: str,
    out_interface_ip: str,
    ttl: int,
    seconds: float | None,
    as_json: bool,
    **faults: float,
) -> None:
    """Relay UDP lines, multicast or unicast, with faults on purpose: practise loss before it happens.

    Each line is IN=OUT, both IP:PORT. Options are the faults of all lines; one line's own follow it after commas, by
    the options' names. A changed byte is sent with a right UDP checksum, so only what reads the message can notice:
    a real network's checks would have dropped it.

    \b
    Examples:
      pitwire relay 239.192.26.1:26401=239.192.26.7:26401 --loss 5 --seed 7
      pitwire relay 239.192.26.1:26401=127.0.0.1:36401,burst=20 239.192.26.2:26411=127.0.0.1:36411,loss=30
    """
    try:
        values = {FIELDS[name.replace("_", "-")][0]: value for name, value in faults.items()}
        common = LinePolicy(
            **{
                name: int(value * 1000) if name.endswith("_ns") else value  # type: ignore[arg-type]
                for name, value in values.items()
            }
        )
    except (ValueError, OverflowError) as error:
        raise click.UsageError(str(error)) from None
    ways = [way(text, common) for text in lines]
    try:
        relay = Relay(ways, seed, interface_ip, out_interface_ip, ttl)
    except OSError as error:
        raise click.ClickException(f"A line cannot be opened: {error.strerror or error}.") from None
    deadline = None if seconds is None else time.monotonic() + seconds
    try:
        while deadline is None or time.monotonic() < deadline:
            left = IDLE_SECONDS if deadline is None else min(IDLE_SECONDS, max(deadline - time.monotonic(), 0))
            relay.step(left)
    except KeyboardInterrupt:
        pass
    finally:
        relay.close()
    facts = _facts(relay, ways)
    if as_json:
        click.echo(json.dumps({"seed": seed, "send_failures": relay.send_failures, "lines": facts}))
        return
    for row in facts:
        what = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in list(row.items())[2:] if count)
        click.echo(f"{row['from']} to {row['to']}: {what or 'nothing came'}")
