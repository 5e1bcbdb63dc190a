"""`pitwire client`: a real client of an appliance, from the command line."""

from __future__ import annotations

import functools
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from appliance.cli.client_text import (
    ORDER_TYPES,
    SIDES,
    STP_INSTRUCTIONS,
    TIMES_IN_FORCE,
    Price,
    UtcTime,
    report_json,
    report_line,
)
from appliance.cli.settings import config_option
from appliance.client.ledger import HIDDEN, POST_ONLY, POST_ONLY_SLIDE, REDUCE_ONLY, Request, State
from appliance.client.memory import Memory, memory_path, remembered
from appliance.client.session import ClientSession, SessionError
from appliance.client.udp import UdpClient
from appliance.config import Config

EXIT_FAILED = 1
MORE_SECONDS = 0.2
"""How long to listen for more reports once the request is answered."""


class ClientGroup(click.Group):
    """Loads `watch`, `retransmit` and `replay` when they are called."""

    elsewhere = {  # noqa: RUF012
        "replay": ("appliance.cli.client_replay", "Send the orders of a capture and measure the answers."),
        "retransmit": ("appliance.cli.client_watch", "Print published messages again, over TCP."),
        "watch": ("appliance.cli.client_watch", "Follow the feed: book and trades."),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names."""
        return sorted([*super().list_commands(ctx), *self.elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported where it is not here."""
        if cmd_name not in self.elsewhere:
            return super().get_command(ctx, cmd_name)
        import importlib

        found = getattr(importlib.import_module(self.elsewhere[cmd_name][0]), cmd_name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list, without loading anything."""
        rows = {name: self.commands[name].get_short_help_str() for name in self.commands}
        rows |= {name: line for name, (_, line) in self.elsewhere.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows.items()))


@click.group("client", cls=ClientGroup)
def command() -> None:
    """Be a client of a running appliance: trade, follow the feed, get lost messages again.

    \b
    Examples:
      pitwire client send --security-id 1 --side buy --qty 100 --price 10.005
      pitwire client replace --order 1 --qty 80 --price 10.006
      pitwire client cancel --order 1
      pitwire client mass-cancel --security-id 1
      pitwire client watch --security-id 1
    """


@dataclass(frozen=True)
class Venue:
    """Whom to talk to, and as whom."""

    ip: str
    udp_port: int
    session_id: bytes
    account: int
    timeout_seconds: float
    next_seq: int | None
    as_json: bool


def _venue_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that sends; the command gets `venue`."""

    @functools.wraps(function)  # takes the options along that are there already
    def with_venue(
        config: Config,
        host: str | None,
        port: int | None,
        session: int,
        uuid_text: str | None,
        timeout: float,
        next_seq: int | None,
        as_json: bool,
        **rest: Any,
    ) -> Any:
        session_id, account = _identity(config, session, uuid_text)
        ip = host or config.order_entry.ip
        venue = Venue(ip, port or config.order_entry.udp_port, session_id, account, timeout, next_seq, as_json)
        return function(venue=venue, **rest)

    wrapped: Callable[..., Any] = with_venue
    for option in reversed(
        (
            config_option,
            click.option("--host", metavar="IP", help="Address of the appliance. [default: the configuration's]"),
            click.option("--port", type=click.IntRange(1, 65535), help="Its order-entry UDP port."),
            click.option("--session", type=click.IntRange(min=1), default=1, show_default=True, help="Session number."),
            click.option("--uuid", "uuid_text", metavar="UUID", help="The session by its UUID instead."),
            click.option(
                "--timeout", type=click.FloatRange(min=0.01), default=2.0, show_default=True, help="Seconds to wait."
            ),
            click.option(
                "--next-seq", type=click.IntRange(min=1), help="Number of the message; else the last one sent, plus 1."
            ),
            click.option("--json", "as_json", is_flag=True, help="One JSON object a report."),
        )
    ):
        wrapped = option(wrapped)
    return wrapped


def _identity(config: Config, number: int, uuid_text: str | None) -> tuple[bytes, int]:
    """UUID and account of the chosen session."""
    if uuid_text is not None:
        try:
            session_id = uuid.UUID(uuid_text).bytes
        except ValueError:
            raise click.UsageError(f"--uuid {uuid_text!r} is not a UUID.") from None
        accounts = {session.uuid_bytes: session.account for session in config.sessions}
        return session_id, accounts.get(session_id, 0)
    if number > len(config.sessions):
        raise click.UsageError(f"--session {number}: the configuration has {len(config.sessions)} sessions.")
    session = config.sessions[number - 1]
    return session.uuid_bytes, session.account


def _exchange(venue: Venue, ask: Callable[[ClientSession, Memory], Request]) -> None:
    """Send what `ask` makes, print the reports that come, end with status 1 where it was refused or not answered."""
    path = memory_path(venue.session_id, venue.ip, venue.udp_port)
    try:
        with remembered(path) as memory:
            session = ClientSession(
                venue.session_id,
                venue.account,
                next_seq=venue.next_seq or memory.next_seq,
                next_report_seq=None,
                next_cl_ord_id=memory.next_cl_ord_id,
            )
            request = ask(session, memory)
            with UdpClient(session, venue.ip, venue.udp_port) as client:
                client.send()
                memory.remember(session)
                _print_reports(client, request, venue)
            if request.state is not State.PENDING:
                memory.next_seq = session.next_seq  # it was right, even where it is lower than what we remembered
    except SessionError as error:
        raise click.ClickException(str(error)) from None
    except ConnectionRefusedError:
        raise click.ClickException(
            f"Nobody listens at {venue.ip}:{venue.udp_port}: is the appliance running there?"
        ) from None
    except OSError as error:
        what = error.filename or f"{venue.ip}:{venue.udp_port}"
        raise click.ClickException(f"{what}: {error.strerror or error}.") from None
    if request.state is State.PENDING:
        raise click.ClickException(
            f"{_no_answer(venue)} If it runs, message number {request.session_seq} may have been used before: "
            "give a higher --next-seq."
        )
    if request.state in (State.REJECTED, State.NOT_APPLIED):
        sys.exit(EXIT_FAILED)


def _no_answer(venue: Venue) -> str:
    where = f"{venue.ip}:{venue.udp_port}"
    return f"No answer within {venue.timeout_seconds:g} s: is the appliance running at {where}?"


def _print_reports(client: UdpClient, request: Request, venue: Venue) -> None:
    render = report_json if venue.as_json else report_line
    deadline = time.monotonic() + venue.timeout_seconds
    answered = False
    while (left := deadline - time.monotonic()) > 0:
        for report in client.receive(left):
            lost_before_us = report.name == "NotApplied" and request.state is not State.NOT_APPLIED
            if venue.as_json or not lost_before_us:
                click.echo(render(report))
        if not answered and request.state is not State.PENDING:
            answered = True
            deadline = time.monotonic() + MORE_SECONDS


def _side_and_instrument(memory: Memory, order: int, security_id: int | None, side: str | None) -> tuple[int, int]:
    known = memory.orders.get(str(order))
    if known is None and (security_id is None or side is None):
        raise SessionError(f"Order {order} was not sent from here: give --security-id and --side.")
    found_id, found_side = known or (0, 0)
    return found_id if security_id is None else security_id, found_side if side is None else SIDES[side]


_SECURITY_ID = click.IntRange(1, (1 << 31) - 1)
_QTY = click.IntRange(min=0, max=(1 << 63) - 1)


@command.command("send")
@_venue_options
@click.option("--security-id", type=_SECURITY_ID, required=True, help="Number of the instrument.")
@click.option("--side", type=click.Choice(list(SIDES)), required=True)
@click.option("--qty", type=_QTY, required=True, help="Lots.")
@click.option("--type", "ord_type", type=click.Choice(list(ORDER_TYPES)), default="limit", show_default=True)
@click.option("--price", type=Price(), help="Limit, exact decimal text; for the types that have one.")
@click.option("--stop-price", type=Price(), help="Trigger of the stop and if-touched types.")
@click.option("--tif", type=click.Choice(list(TIMES_IN_FORCE)), default="day", show_default=True)
@click.option("--expire", type=UtcTime(), help="End of a gtd order, as 2026-11-21T17:30:00 (UTC).")
@click.option("--display-qty", type=_QTY, help="Lots that an iceberg shows.")
@click.option("--min-qty", type=_QTY, help="Fewest lots to be filled at once, or the order is cancelled.")
@click.option("--post-only", is_flag=True, help="Reject it where it would trade at once.")
@click.option("--slide", is_flag=True, help="Post-only, but move it to the next price that does not trade.")
@click.option("--reduce-only", is_flag=True, help="Only what makes the account's position smaller.")
@click.option("--hidden", is_flag=True, help="Not on the market data feed.")
@click.option("--stp-id", type=click.IntRange(1, (1 << 32) - 2), help="Orders of one number do not trade together.")
@click.option("--stp", type=click.Choice(list(STP_INSTRUCTIONS)), help="Which of the two goes. [default: newest]")
@click.option("--group", type=click.IntRange(1, (1 << 16) - 2), help="CancelGroupID, for mass-cancel.")
@click.option("--cl-ord-id", type=click.IntRange(min=1), help="Else the last one used, plus 1.")
def send(
    venue: Venue,
    security_id: int,
    side: str,
    qty: int,
    ord_type: str,
    price: int | None,
    stop_price: int | None,
    tif: str,
    expire: int | None,
    display_qty: int | None,
    min_qty: int | None,
    post_only: bool,
    slide: bool,
    reduce_only: bool,
    hidden: bool,
    stp_id: int | None,
    stp: str | None,
    group: int | None,
    cl_ord_id: int | None,
) -> None:
    """Send one order and print the reports that answer it: a NewOrderShort where that says it all, else a
    NewOrderSingle. What goes with what is the venue's to say (docs/MATCHING.md, section 3).

    \b
    Examples:
      pitwire client send --security-id 1 --side sell --qty 50 --price 10.01 --tif ioc
      pitwire client send --security-id 1 --side buy --qty 50 --type market
      pitwire client send --security-id 1 --side sell --qty 50 --type stop-limit --stop-price 9.9 --price 9.85
      pitwire client send --security-id 1 --side buy --qty 1000 --display-qty 100 --price 10 --tif gtd \\
          --expire 2026-11-30T17:30:00
      pitwire client send --security-id 1 --side buy --qty 20 --price 10 --tif auction
      pitwire client send --security-id 1 --side buy --qty 20 --price 10 --stp-id 7 --stp decrement
    """
    exec_inst = POST_ONLY * post_only | POST_ONLY_SLIDE * slide | REDUCE_ONLY * reduce_only | HIDDEN * hidden
    more = (stop_price, expire, display_qty, min_qty, stp_id, stp, group)
    is_short = ord_type == "limit" and price is not None and all(value is None for value in more)
    if stp is not None and stp_id is None:
        raise click.UsageError("--stp needs --stp-id: the number that the two orders share.")

    def ask(session: ClientSession, _: Memory) -> Request:
        if is_short and price is not None:
            time_in_force = TIMES_IN_FORCE[tif]
            return session.new_order(security_id, SIDES[side], price, qty, time_in_force, exec_inst, cl_ord_id)
        return session.new_order_single(
            security_id,
            SIDES[side],
            qty,
            ord_type=ORDER_TYPES[ord_type],
            price_nanos=price,
            stop_price_nanos=stop_price,
            time_in_force=TIMES_IN_FORCE[tif],
            expire_time_ns=expire,
            display_lots=display_qty,
            min_qty_lots=min_qty,
            exec_inst=exec_inst,
            self_match_prevention_id=stp_id,
            stp_instruction=0 if stp_id is None else STP_INSTRUCTIONS[stp or "newest"],
            cancel_group=group,
            cl_ord_id=cl_ord_id,
            sending_time_ns=time.time_ns(),
        )

    _exchange(venue, ask)


@command.command("cancel")
@_venue_options
@click.option("--order", type=click.IntRange(min=1), required=True, help="ClOrdID of the order.")
@click.option("--security-id", type=_SECURITY_ID, help="Only for an order that was not sent from here.")
@click.option("--side", type=click.Choice(list(SIDES)), help="Only for an order that was not sent from here.")
def cancel(venue: Venue, order: int, security_id: int | None, side: str | None) -> None:
    """Cancel one order.

    \b
    Example:
      pitwire client cancel --order 1
    """

    def ask(session: ClientSession, memory: Memory) -> Request:
        return session.cancel(order, *_side_and_instrument(memory, order, security_id, side))

    _exchange(venue, ask)


@command.command("replace")
@_venue_options
@click.option("--order", type=click.IntRange(min=1), required=True, help="ClOrdID of the order.")
@click.option("--qty", type=_QTY, required=True, help="The new total, in lots; what is filled counts.")
@click.option("--price", type=Price(), help="The new limit; else it stays.")
@click.option("--stop-price", type=Price(), help="The new trigger; else it stays.")
@click.option("--display-qty", type=_QTY, help="The new displayed quantity of an iceberg; else it stays.")
@click.option("--security-id", type=_SECURITY_ID, help="Only for an order that was not sent from here.")
@click.option("--side", type=click.Choice(list(SIDES)), help="Only for an order that was not sent from here.")
def replace(
    venue: Venue,
    order: int,
    qty: int,
    price: int | None,
    stop_price: int | None,
    display_qty: int | None,
    security_id: int | None,
    side: str | None,
) -> None:
    """Change prices and quantities of one order; from then on it goes by the ClOrdID of this request.

    \b
    Examples:
      pitwire client replace --order 1 --qty 80 --price 10.006
      pitwire client replace --order 7 --qty 80 --stop-price 9.95
    """

    def ask(session: ClientSession, memory: Memory) -> Request:
        known_id, known_side = _side_and_instrument(memory, order, security_id, side)
        return session.replace(
            order, price, qty, known_id, known_side, stop_price_nanos=stop_price, display_lots=display_qty
        )

    _exchange(venue, ask)


@command.command("mass-cancel")
@_venue_options
@click.option("--security-id", type=_SECURITY_ID, help="Only orders of this instrument.")
@click.option("--side", type=click.Choice(list(SIDES)), help="Only orders of this side.")
@click.option("--above", type=Price(), help="Only orders above this price; needs --security-id.")
@click.option("--below", type=Price(), help="Only orders below this price; needs --security-id.")
@click.option("--group", type=click.IntRange(1, (1 << 16) - 2), help="Only orders of this CancelGroupID.")
def mass_cancel(
    venue: Venue, security_id: int | None, side: str | None, above: int | None, below: int | None, group: int | None
) -> None:
    """Cancel all open orders of the session, or those that the options leave.

    \b
    Examples:
      pitwire client mass-cancel
      pitwire client mass-cancel --security-id 1 --side sell --above 10.5
    """
    if security_id is None and (above is not None or below is not None):
        raise click.UsageError("--above and --below need --security-id: prices are those of one instrument.")
    _exchange(
        venue,
        lambda session, _: session.mass_cancel(
            security_id,
            sending_time_ns=time.time_ns(),
            side=None if side is None else SIDES[side],
            above_nanos=above,
            below_nanos=below,
            cancel_group=group,
        ),
    )
