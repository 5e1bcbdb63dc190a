"""`pitwire client watch` and `retransmit`: follow a feed, and get published messages again."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from appliance.cli.client_desk import key_of
from appliance.cli.client_text import STATUS_NAMES, message_json, message_line
from appliance.cli.feed_lines import line_address, lines_of
from appliance.cli.settings import config_option
from appliance.client.book import SIDE_BUY, SIDE_SELL, BookTrade, FeedBook
from appliance.client.drill import Dropper
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.follower import FeedAddress, FeedFollower, policy_of
from appliance.client.recovery import Key, RecoveryClient, RetransmitError
from appliance.config import Config
from appliance.decode.item import price_text

POLL_SECONDS = 0.1
REFRESHES_A_SECOND = 8
TOPIC_SECONDS = 3.0
LEVELS_SHOWN = 8
TRADES_SHOWN = 10
EVENTS_SHOWN = 10
COUNTED = (
    ("gaps", "{} gap(s) found"),
    ("messages_recovered", "{} message(s) came by TCP"),
    ("messages_skipped", "{} message(s) given up for snapshots"),
    ("epochs", "the publisher numbers anew (epoch {epoch})"),
    ("packets_bad", "{} packet(s) cannot be read"),
    ("snapshots_loaded", "{} snapshot(s) loaded"),
    ("contradictions", "{} message(s) contradict a book"),
    ("failures", "recovery failed: {fault}"),
)
"""Counters of the handler and the subscriber, and what is said when they rise."""


def _follow(address: FeedAddress, **facts: Any) -> FeedFollower:
    try:
        return FeedFollower(address, **facts)
    except OSError as error:
        where = ", ".join(f"{line.ip}:{line.udp_port}" for line in (*address.lines, *address.snapshot_lines))
        raise click.ClickException(
            f"Cannot join {where} on {address.interface_ip}: {error.strerror or error}."
        ) from None


class Watch:
    """What `watch` keeps and shows."""

    def __init__(self, security_id: int | None, as_json: bool, tells_events: bool) -> None:
        self.security_id = security_id
        self.as_json = as_json
        self.lines = False
        self.messages = 0
        self.trades: deque[BookTrade] = deque(maxlen=TRADES_SHOWN)
        self.events: deque[tuple[float, str]] = deque(maxlen=EVENTS_SHOWN)
        self._tells_events = tells_events
        self._state = ""
        self._counts: dict[str, int] = {}
        self._began = time.monotonic()

    def on_message(self, message: FeedMessage) -> None:
        """Count, and print where lines are wanted."""
        numbers = message.instrument
        if self.security_id is not None and (numbers is None or numbers.security_id != self.security_id):
            return
        self.messages += 1
        if self.lines:
            click.echo(message_json(message) if self.as_json else message_line(message))

    def on_trade(self, trade: BookTrade) -> None:
        """Keep the newest."""
        if self.security_id in (None, trade.security_id):
            self.trades.appendleft(trade)

    def notice(self, follower: FeedFollower) -> None:
        """Make events of a state that changed and of counters that rose."""
        counts = vars(follower.handler.counters) | vars(follower.subscriber.counters)
        for name, sentence in COUNTED:
            risen = counts[name] - self._counts.get(name, 0)
            if risen > 0:
                self._tell(
                    sentence.format(f"{risen:,}", epoch=follower.handler.epoch, fault=follower.last_fault or "once")
                )
        self._counts = counts
        if follower.state != self._state:
            self._state = follower.state
            self._tell(f"{self._state}, at message {follower.subscriber.sequence:,}")

    def _tell(self, sentence: str) -> None:
        seconds = time.monotonic() - self._began
        self.events.appendleft((seconds, sentence))
        if self.lines and self._tells_events:
            facts = {"event": sentence, "seconds": round(seconds, 3), "state": self._state}
            click.echo(json.dumps(facts) if self.as_json else f"{seconds:8.3f} s {sentence}")

    def shown(self, follower: FeedFollower) -> int:
        """The instrument whose book is shown: the one asked for, else that of the newest trade, else the lowest."""
        if self.security_id is not None:
            return self.security_id
        return self.trades[0].security_id if self.trades else min(follower.book.security_ids(), default=0)

    def picture(self, follower: FeedFollower) -> Any:
        """Book, trades, gaps and recoveries, and the state of the feed, for rich."""
        from rich.columns import Columns
        from rich.console import Group
        from rich.table import Table

        security_id = self.shown(follower)
        book, told = follower.book, follower.book.trading_status(security_id)
        status = "nothing yet" if told is None else STATUS_NAMES.get(told, "")
        worth = "" if follower.subscriber.is_right(security_id) else ", recovering"
        title = f"{security_id} {status}{worth} (L{book.level})"
        levels = Table("orders", "bid lots", "bid", "offer", "offer lots", "orders", title=title)
        bids, offers = (_levels(follower, security_id, side) for side in (SIDE_BUY, SIDE_SELL))
        for row in range(LEVELS_SHOWN):
            bid = bids[row] if row < len(bids) else None
            offer = offers[row] if row < len(offers) else None
            left = (str(bid[2]), str(bid[1]), price_text(bid[0])) if bid else ("", "", "")
            right = (price_text(offer[0]), str(offer[1]), str(offer[2])) if offer else ("", "", "")
            levels.add_row(*left, *right)
        trades = Table("instrument", "price", "lots", title="trades")
        for trade in self.trades:
            trades.add_row(str(trade.security_id), price_text(trade.price_nanos), str(trade.qty_lots))
        events = Table("s", "gaps and recoveries", title="feed")
        for seconds, sentence in self.events:
            events.add_row(f"{seconds:.1f}", sentence)
        return Group(Columns([levels, trades, events]), _lines_text(follower), _summary_line(follower))


def _levels(follower: FeedFollower, security_id: int, side: int) -> list[tuple[int, int, int]]:
    if follower.book.level != 1:
        return follower.book.levels(security_id, side, LEVELS_SHOWN)
    top = follower.book.top(security_id)
    price, lots, orders = top[:3] if side == SIDE_BUY else top[3:]
    return [] if price is None else [(price, lots, orders)]


def _lines_text(follower: FeedFollower) -> str:
    return "; ".join(
        f"line {chr(65 + number)}: {line.packets:,} packets, first with {line.messages_first:,} messages"
        for number, line in enumerate(follower.handler.lines)
    )


def _summary_line(follower: FeedFollower) -> str:
    counters = follower.handler.counters
    line = (
        f"{follower.state}: {counters.messages} messages, {counters.gaps} gaps, "
        f"{counters.messages_recovered} recovered, {counters.duplicates} duplicates, "
        f"{follower.dropper.dropped} datagrams dropped on purpose, "
        f"{follower.book.open_orders()} open orders"
    )
    return f"{line} ({follower.last_fault})" if follower.last_fault else line


def _summary_json(follower: FeedFollower) -> str:
    return json.dumps(
        {
            "summary": vars(follower.handler.counters),
            "recovery": vars(follower.subscriber.counters),
            "lines": [vars(line) for line in follower.handler.lines],
            "state": follower.state,
            "recovering": follower.recovering,
            "dropped_on_purpose": follower.dropper.dropped,
            "open_orders": follower.book.open_orders(),
            "book_faults": follower.book.faults,
            "book_digest": follower.book.digest(),
        }
    )


def recovery_key_options(command: Callable[..., None]) -> Callable[..., None]:
    """The key to log on with at the recovery server."""
    chosen = click.option("--key-id", help="Which key of the file. [default: its first]")
    path = click.Path(dir_okay=False, path_type=Path)
    file = click.option(
        "--key-file", type=path, help="A key to log on with at the recovery server, where it wants one."
    )
    return file(chosen(command))


def _recovery_key(key_file: Path | None, key_id: str | None) -> Key | None:
    if key_file is None:
        if key_id is not None:
            raise click.UsageError("--key-id needs --key-file.")
        return None
    return Key(*key_of(key_file, key_id))


@click.command("watch")
@config_option
@click.option(
    "--level",
    type=click.Choice(["3", "2", "1"]),
    default="3",
    show_default=True,
    help="Orders, price levels, or the top and trades.",
)
@click.option("--security-id", type=click.IntRange(1, (1 << 31) - 1), help="One instrument only.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
@click.option("--seconds", type=click.FloatRange(min=0.01), help="End after so long.")
@click.option("--late", is_flag=True, help="Begin with what comes now, and a snapshot; else with the first message.")
@click.option(
    "--drop-percent",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Lose so many datagrams on purpose, for practice.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which datagrams are lost.")
@click.option("--group", metavar="IP", help="Line A: multicast group, or our address. [default: the configuration's]")
@click.option("--port", type=click.IntRange(1, 65535), help="Its UDP port. With either of them there is no line B.")
@click.option("--line", "lines", multiple=True, metavar="IP:PORT", help="Another line, as often as there are any.")
@click.option("--interface-ip", metavar="IP", help="Address of our interface to the feed.")
@click.option("--host", metavar="IP", help="Address of the recovery server.")
@click.option("--tcp-port", type=click.IntRange(1, 65535), help="Its TCP port.")
@recovery_key_options
@click.option("--events", "tells_events", is_flag=True, help="Gaps and recoveries among the lines of a pipe, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message, and one at the end.")
def watch(
    config: Config,
    level: str,
    security_id: int | None,
    count: int | None,
    seconds: float | None,
    late: bool,
    drop_percent: float,
    seed: int,
    group: str | None,
    port: int | None,
    lines: tuple[str, ...],
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
    key_file: Path | None,
    key_id: str | None,
    tells_events: bool,
    as_json: bool,
) -> None:
    """Follow the market data feed: book, trades, gaps and recoveries live on a terminal, lines on a pipe.

    Lines A and B are heard, what comes first counts. What was missed, and what --drop-percent loses, comes over TCP;
    messages are shown in order, each once.

    \b
    Examples:
      pitwire client watch --security-id 1
      pitwire client watch --level 1 --late
      pitwire client watch --seconds 10 --drop-percent 5 | tail -1
    """
    shown = Watch(security_id, as_json, tells_events)
    address = lines_of(config, int(level), group, port, lines, interface_ip, host, tcp_port)
    address = dataclasses.replace(address, recovery_key=_recovery_key(key_file, key_id))
    facts: dict[str, Any] = {
        "dropper": Dropper(drop_percent, seed),
        "policy": policy_of(address, from_first=not late),
        "books": FeedBook(int(level)),
        "on_message": shown.on_message,
        "on_trade": shown.on_trade,
    }
    deadline = time.monotonic() + seconds if seconds is not None else None
    with _follow(address, **facts) as follower:

        def steps() -> Any:
            while (count is None or shown.messages < count) and (deadline is None or time.monotonic() < deadline):
                follower.poll(POLL_SECONDS)
                shown.notice(follower)
                yield

        try:
            if sys.stdout.isatty() and not as_json:
                from rich.live import Live

                with Live(refresh_per_second=REFRESHES_A_SECOND, screen=False, auto_refresh=False) as live:
                    drawn = 0.0
                    for _ in steps():
                        if time.monotonic() - drawn >= 1 / REFRESHES_A_SECOND:
                            live.update(shown.picture(follower), refresh=True)
                            drawn = time.monotonic()
                    live.update(shown.picture(follower), refresh=True)
            else:
                shown.lines = True
                for _ in steps():
                    pass
        except KeyboardInterrupt:
            pass
        click.echo(_summary_json(follower) if as_json else _summary_line(follower))
        if not follower.handler.counters.packets:
            where = f"{address.group}:{address.udp_port} on {address.interface_ip}"
            raise click.ClickException(f"Nothing came from {where}: is the appliance running?")


@click.command("retransmit")
@config_option
@click.option("--from", "from_sequence", type=click.IntRange(min=1), required=True, help="Number of the first message.")
@click.option("--count", type=click.IntRange(min=1), required=True, help="How many messages.")
@click.option("--topic", metavar="UUID", help="SessionId of the feed; else it is waited for on the multicast group.")
@click.option("--group", metavar="IP", help="Multicast group. [default: the configuration's]")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port of the group.")
@click.option("--interface-ip", metavar="IP", help="Address of our interface to the feed.")
@click.option("--host", metavar="IP", help="Address of the recovery server.")
@click.option("--tcp-port", type=click.IntRange(1, 65535), help="Its TCP port.")
@recovery_key_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message.")
def retransmit(
    config: Config,
    from_sequence: int,
    count: int,
    topic: str | None,
    group: str | None,
    port: int | None,
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
    key_file: Path | None,
    key_id: str | None,
    as_json: bool,
) -> None:
    """Print published messages again, by their numbers.

    \b
    Example:
      pitwire client retransmit --from 1 --count 20
    """
    import uuid

    address = line_address(config, group, port, interface_ip, host, tcp_port)
    if not address.recovery_port:
        raise click.UsageError("The configuration has recovery.enabled = false: give --tcp-port.")
    try:
        session_id = uuid.UUID(topic).bytes if topic else _topic(address)
    except ValueError:
        raise click.UsageError(f"--topic {topic!r} is not a UUID.") from None
    render = message_json if as_json else message_line
    handler = FeedHandler(next_sequence=from_sequence)
    try:
        key = _recovery_key(key_file, key_id)
        with RecoveryClient(address.recovery_ip, address.recovery_port, session_id, key=key) as client:
            for packet in client.fetch(from_sequence, count):
                for message in handler.receive(packet):
                    click.echo(render(message))
    except RetransmitError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        where = f"{address.recovery_ip}:{address.recovery_port}"
        raise click.ClickException(f"No recovery server at TCP {where}: {error.strerror or error}.") from None


def _topic(address: FeedAddress) -> bytes:
    """The feed's SessionId, from its next Topic."""
    deadline = time.monotonic() + TOPIC_SECONDS
    with _follow(FeedAddress(address.group, address.udp_port, address.interface_ip, recovery_port=0)) as follower:
        while follower.handler.topic_session_id is None and time.monotonic() < deadline:
            follower.poll(POLL_SECONDS)
        if follower.handler.topic_session_id is None:
            where = f"{address.group}:{address.udp_port} on {address.interface_ip}"
            raise click.ClickException(
                f"No Topic came from {where} within {TOPIC_SECONDS:g} s: is the appliance running? Or give --topic."
            )
        return follower.handler.topic_session_id
