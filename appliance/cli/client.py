"""`pitwire client`: a real client of an appliance, from the command line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from appliance.cli.client_desk import Desk, Venue, open_desk, show, venue_options
from appliance.cli.client_requests import CL_ORD_ID, GROUP, QTY, SECURITY_ID, STP_ID, send_request
from appliance.cli.client_text import ORDER_TYPES, SIDES, STP_INSTRUCTIONS, TIMES_IN_FORCE, Price, UtcTime
from appliance.client.ledger import Report, Request, State
from appliance.client.memory import Memory
from appliance.client.session import ClientSession, SessionError

EXIT_FAILED = 1
MORE_SECONDS = 0.2
"""How long to listen for more reports once the request is answered."""


class ClientGroup(click.Group):
    """Loads the commands of other files when they are called."""

    elsewhere = {  # noqa: RUF012
        "drop-copy": ("appliance.cli.client_copy", "Print every execution of a firm, over TCP."),
        "run": ("appliance.cli.client_run", "Keep a session, and carry out requests line by line."),
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

        found = getattr(importlib.import_module(self.elsewhere[cmd_name][0]), cmd_name.replace("-", "_"))
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
      pitwire client send --key-file desk.key --security-id 1 --side buy --qty 100 --price 10.005
      pitwire client run --key-file desk.key orders.csv
      pitwire client watch --security-id 1
      pitwire client drop-copy --key-file house.key
    """


def _exchange(venue: Venue, ask: Callable[[ClientSession, Memory], Request]) -> None:
    """Send what `ask` makes, print the reports that come, end with status 1 where it was refused or not answered."""
    with open_desk(venue) as desk:
        request = ask(desk.session, desk.memory)
        desk.client.send()
        desk.memory.remember(desk.session)
        _print_reports(desk, request, venue)
        if request.state is not State.PENDING:
            desk.memory.next_seq = desk.session.next_seq  # it was right, even where it is lower than what we remembered
    if request.state is State.PENDING:
        raise click.ClickException(_no_answer(venue, request))
    if request.state in (State.REJECTED, State.NOT_APPLIED):
        sys.exit(EXIT_FAILED)


def _no_answer(venue: Venue, request: Request) -> str:
    text = f"No answer within {venue.timeout_seconds:g} s: is the appliance running at {venue.where}?"
    if venue.key_id:
        return text
    return (
        f"{text} If it runs, message number {request.session_seq} may have been used before: give a higher --next-seq."
    )


def _print_reports(desk: Desk, request: Request, venue: Venue) -> None:
    deadline = time.monotonic() + venue.timeout_seconds
    answered = False
    while (left := deadline - time.monotonic()) > 0:
        for one in desk.client.poll(left):
            is_not_ours = (
                isinstance(one, Report) and one.name == "NotApplied" and request.state is not State.NOT_APPLIED
            )
            if venue.as_json or not is_not_ours:  # numbers that were skipped before us
                show([one], venue)
        if not answered and request.state is not State.PENDING:
            answered = True
            deadline = time.monotonic() + MORE_SECONDS


def _side_and_instrument(memory: Memory, order: int, security_id: int | None, side: str | None) -> tuple[int, int]:
    known = memory.orders.get(str(order))
    if known is None and (security_id is None or side is None):
        raise SessionError(f"Order {order} was not sent from here: give --security-id and --side.")
    found_id, found_side = known or (0, 0)
    return found_id if security_id is None else security_id, found_side if side is None else SIDES[side]


@command.command("send")
@venue_options
@click.option("--security-id", type=SECURITY_ID, required=True, help="Number of the instrument.")
@click.option("--side", type=click.Choice(list(SIDES)), required=True)
@click.option("--qty", type=QTY, required=True, help="Lots.")
@click.option("--type", "ord_type", type=click.Choice(list(ORDER_TYPES)), default="limit", show_default=True)
@click.option("--price", type=Price(), help="Limit, exact decimal text; for the types that have one.")
@click.option("--stop-price", type=Price(), help="Trigger of the stop and if-touched types.")
@click.option("--tif", type=click.Choice(list(TIMES_IN_FORCE)), default="day", show_default=True)
@click.option("--expire", type=UtcTime(), help="End of a gtd order, as 2026-11-21T17:30:00 (UTC).")
@click.option("--display-qty", type=QTY, help="Lots that an iceberg shows.")
@click.option("--min-qty", type=QTY, help="Fewest lots to be filled at once, or the order is cancelled.")
@click.option("--post-only", is_flag=True, help="Reject it where it would trade at once.")
@click.option("--slide", is_flag=True, help="Post-only, but move it to the next price that does not trade.")
@click.option("--reduce-only", is_flag=True, help="Only what makes the account's position smaller.")
@click.option("--hidden", is_flag=True, help="Not on the market data feed.")
@click.option("--stp-id", type=STP_ID, help="Orders of one number do not trade together.")
@click.option("--stp", type=click.Choice(list(STP_INSTRUCTIONS)), help="Which of the two goes. [default: newest]")
@click.option("--group", type=GROUP, help="CancelGroupID, for mass-cancel.")
@click.option("--cl-ord-id", type=CL_ORD_ID, help="Else the last one used, plus 1.")
def send(venue: Venue, ord_type: str, cl_ord_id: int | None, **values: Any) -> None:
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
    if values["stp"] is not None and values["stp_id"] is None:
        raise click.UsageError("--stp needs --stp-id: the number that the two orders share.")
    _exchange(venue, lambda session, _: send_request(session, values | {"type": ord_type}, cl_ord_id))


@command.command("cancel")
@venue_options
@click.option("--order", type=CL_ORD_ID, required=True, help="ClOrdID of the order.")
@click.option("--security-id", type=SECURITY_ID, help="Only for an order that was not sent from here.")
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
@venue_options
@click.option("--order", type=CL_ORD_ID, required=True, help="ClOrdID of the order.")
@click.option("--qty", type=QTY, required=True, help="The new total, in lots; what is filled counts.")
@click.option("--price", type=Price(), help="The new limit; else it stays.")
@click.option("--stop-price", type=Price(), help="The new trigger; else it stays.")
@click.option("--display-qty", type=QTY, help="The new displayed quantity of an iceberg; else it stays.")
@click.option("--security-id", type=SECURITY_ID, help="Only for an order that was not sent from here.")
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
@venue_options
@click.option("--security-id", type=SECURITY_ID, help="Only orders of this instrument.")
@click.option("--side", type=click.Choice(list(SIDES)), help="Only orders of this side.")
@click.option("--above", type=Price(), help="Only orders above this price; needs --security-id.")
@click.option("--below", type=Price(), help="Only orders below this price; needs --security-id.")
@click.option("--group", type=GROUP, help="Only orders of this CancelGroupID.")
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


@command.command("status")
@venue_options
@click.option("--order", type=CL_ORD_ID, required=True, help="ClOrdID of the order, the newest one.")
def status(venue: Venue, order: int) -> None:
    """Ask how an order stands.

    \b
    Example:
      pitwire client status --key-file desk.key --order 7
    """
    _exchange(venue, lambda session, _: session.ask_status(order, time.time_ns()))


@command.command("watermark")
@venue_options
def watermark(venue: Venue) -> None:
    """Ask for the highest ClOrdID that the venue has taken from this key or session.

    \b
    Example:
      pitwire client watermark --key-file desk.key
    """
    _exchange(venue, lambda session, _: session.ask_watermark(time.time_ns()))
