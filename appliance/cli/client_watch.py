"""`pitwire client watch` and `retransmit`: follow the feed, and get published messages again."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import click

from appliance.cli.client_text import STATUS_NAMES, message_json, message_line
from appliance.cli.settings import config_option
from appliance.client.book import SIDE_BUY, SIDE_SELL, BookTrade
from appliance.client.drill import Dropper
from appliance.client.feed import FeedHandler, FeedMessage
from appliance.client.follower import FeedAddress, FeedFollower
from appliance.client.recovery import RecoveryClient, RetransmitError
from appliance.config import Config
from appliance.decode.item import price_text

POLL_SECONDS = 0.1
REFRESHES_A_SECOND = 8
TOPIC_SECONDS = 3.0
LEVELS_SHOWN = 8
TRADES_SHOWN = 10


def _address(
    config: Config,
    group: str | None,
    port: int | None,
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
) -> FeedAddress:
    return FeedAddress(
        group=group or config.feed.group,
        udp_port=port or config.feed.udp_port,
        interface_ip=interface_ip or config.feed.interface_ip,
        recovery_ip=host or config.recovery.ip,
        recovery_port=(tcp_port or config.recovery.tcp_port) if config.recovery.enabled else 0,
    )


def _follow(address: FeedAddress, **facts: Any) -> FeedFollower:
    try:
        return FeedFollower(address, **facts)
    except OSError as error:
        raise click.ClickException(
            f"Cannot join {address.group}:{address.udp_port} on {address.interface_ip}: {error.strerror or error}."
        ) from None


class Watch:
    """What `watch` keeps and shows."""

    def __init__(self, security_id: int | None, as_json: bool) -> None:
        self.security_id = security_id
        self.render = message_json if as_json else message_line
        self.lines = False
        self.messages = 0
        self.trades: list[BookTrade] = []

    def on_message(self, message: FeedMessage) -> None:
        """Count, and print where lines are wanted."""
        ours = self.security_id is None or getattr(message.values, "InstrumentId", None) == self.security_id
        if not ours:
            return
        self.messages += 1
        if self.lines:
            click.echo(self.render(message))

    def on_trade(self, trade: BookTrade) -> None:
        """Keep the newest."""
        if self.security_id in (None, trade.security_id):
            self.trades = [trade, *self.trades[: TRADES_SHOWN - 1]]

    def shown(self, follower: FeedFollower) -> int:
        """The instrument whose book is shown: the one asked for, else that of the newest trade, else the lowest."""
        if self.security_id is not None:
            return self.security_id
        return self.trades[0].security_id if self.trades else min(follower.book.instruments, default=0)

    def picture(self, follower: FeedFollower) -> Any:
        """Book, trades and state of the feed, for rich."""
        from rich.columns import Columns
        from rich.console import Group
        from rich.table import Table

        security_id = self.shown(follower)
        instrument = follower.book.instruments.get(security_id)
        status = STATUS_NAMES.get(instrument.trading_status or 0, "") if instrument else "nothing yet"
        levels = Table("orders", "bid lots", "bid", "offer", "offer lots", "orders", title=f"{security_id} {status}")
        bids = follower.book.levels(security_id, SIDE_BUY, LEVELS_SHOWN)
        offers = follower.book.levels(security_id, SIDE_SELL, LEVELS_SHOWN)
        for row in range(LEVELS_SHOWN):
            bid = bids[row] if row < len(bids) else None
            offer = offers[row] if row < len(offers) else None
            left = (str(bid[2]), str(bid[1]), price_text(bid[0])) if bid else ("", "", "")
            right = (price_text(offer[0]), str(offer[1]), str(offer[2])) if offer else ("", "", "")
            levels.add_row(*left, *right)
        trades = Table("instrument", "price", "lots", title="trades")
        for trade in self.trades:
            trades.add_row(str(trade.security_id), price_text(trade.price_nanos), str(trade.qty_lots))
        return Group(Columns([levels, trades]), _summary_line(follower))


def _summary_line(follower: FeedFollower) -> str:
    counters = follower.handler.counters
    state = "recovering" if follower.recovering else "complete"
    line = (
        f"{state}: {counters.messages} messages, {counters.gaps} gaps, {counters.messages_recovered} recovered, "
        f"{counters.duplicates} duplicates, {follower.dropper.dropped} datagrams dropped on purpose, "
        f"{follower.book.open_orders()} open orders"
    )
    return f"{line} ({follower.last_fault})" if follower.last_fault else line


def _summary_json(follower: FeedFollower) -> str:
    return json.dumps(
        {
            "summary": vars(follower.handler.counters),
            "recovering": follower.recovering,
            "dropped_on_purpose": follower.dropper.dropped,
            "open_orders": follower.book.open_orders(),
            "book_faults": follower.book.faults,
            "book_digest": follower.book.digest(),
        }
    )


@click.command("watch")
@config_option
@click.option("--security-id", type=click.IntRange(1, (1 << 31) - 1), help="One instrument only.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
@click.option("--seconds", type=click.FloatRange(min=0.01), help="End after so long.")
@click.option(
    "--drop-percent",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Lose so many datagrams on purpose, for practice.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which datagrams are lost.")
@click.option("--group", metavar="IP", help="Multicast group. [default: the configuration's]")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port of the group.")
@click.option("--interface-ip", metavar="IP", help="Address of our interface to the feed.")
@click.option("--host", metavar="IP", help="Address of the recovery server.")
@click.option("--tcp-port", type=click.IntRange(1, 65535), help="Its TCP port.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a message, and one at the end.")
def watch(
    config: Config,
    security_id: int | None,
    count: int | None,
    seconds: float | None,
    drop_percent: float,
    seed: int,
    group: str | None,
    port: int | None,
    interface_ip: str | None,
    host: str | None,
    tcp_port: int | None,
    as_json: bool,
) -> None:
    """Follow the market data feed from its first message: book and trades live on a terminal, lines on a pipe.

    What was missed, and what --drop-percent loses, comes over TCP; messages are shown in order, each once.

    \b
    Examples:
      pitwire client watch --security-id 1
      pitwire client watch --seconds 10 --drop-percent 5 | tail -1
    """
    shown = Watch(security_id, as_json)
    address = _address(config, group, port, interface_ip, host, tcp_port)
    dropper = Dropper(drop_percent, seed)
    deadline = time.monotonic() + seconds if seconds is not None else None
    with _follow(address, dropper=dropper, on_message=shown.on_message, on_trade=shown.on_trade) as follower:

        def steps() -> Any:
            while (count is None or shown.messages < count) and (deadline is None or time.monotonic() < deadline):
                follower.poll(POLL_SECONDS)
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
    as_json: bool,
) -> None:
    """Print published messages again, by their numbers.

    \b
    Example:
      pitwire client retransmit --from 1 --count 20
    """
    import uuid

    address = _address(config, group, port, interface_ip, host, tcp_port)
    if not address.recovery_port:
        raise click.UsageError("The configuration has recovery.enabled = false: give --tcp-port.")
    try:
        session_id = uuid.UUID(topic).bytes if topic else _topic(address)
    except ValueError:
        raise click.UsageError(f"--topic {topic!r} is not a UUID.") from None
    render = message_json if as_json else message_line
    handler = FeedHandler(next_sequence=from_sequence)
    try:
        with RecoveryClient(address.recovery_ip, address.recovery_port, session_id) as client:
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
