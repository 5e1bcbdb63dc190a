"""`pitwire client run`: a session that stays, and requests line by line: typed, from a file, or from a program."""

from __future__ import annotations

import os
import select
from typing import IO, Any

import click

from appliance.cli.client_desk import COD_TYPES, Desk, Venue, open_desk, show, venue_options
from appliance.cli.client_requests import LineReader, RequestError
from appliance.client.ledger import Report, State
from appliance.client.terms import NOTICE_LOST, Happened, Phase

HELP = """send SECURITY_ID SIDE QTY PRICE [TIF]      cancel ORDER      replace ORDER QTY [PRICE]
mass-cancel [SECURITY_ID [SIDE]]            status ORDER      watermark      orders      quit
or a JSON object: {"do": "send", "id": "a", "security_id": 1, "side": "buy", "qty": 5, "price": "10.005"}"""
_READ_BYTES = 65_536
_IDLE_SECONDS = 3600.0


@click.command("run")
@venue_options
@click.option(
    "--cancel-on",
    type=click.Choice(list(COD_TYPES)),
    default="never",
    show_default=True,
    help="When the venue cancels our orders: when we are lost, when we log out, or both. With --key-file.",
)
@click.option("--cancel-after-ms", type=click.IntRange(0, 60_000), default=0, help="How long it waits before that.")
@click.option("--gtc-stay", is_flag=True, help="With --cancel-on: not of orders that outlive the day (GTC, GTD).")
@click.option("--window", type=click.IntRange(min=1), default=1000, show_default=True, help="Unanswered requests.")
@click.option("--resend", is_flag=True, help="Send again, as a new request, what was lost on the way.")
@click.argument("file", type=click.File("r", encoding="utf-8"), default="-")
def run(venue: Venue, file: IO[str], window: int, resend: bool, **_: Any) -> None:
    """Keep a session (with --key-file: log on, keep alive, recover what is missed, log out), and carry out the
    requests in FILE, or those that are typed. Reports are printed as they come.

    A line is words, a JSON object, or a row of CSV behind a header that begins with `do,`. The fields are those of the
    other commands (security_id, side, qty, price, tif, type, order, ...). With an `id`, later lines can name the
    order by it. Typed lines: `help`. The exit status is 1 where something was refused or not answered.

    \b
    Examples:
      pitwire client run
      pitwire client run --key-file desk.key --also-via 10.1.0.1 orders.csv
      pitwire client run --key-file desk.key --tcp --cancel-on both --json < orders.jsonl
    \b
    A file:
      do,id,order,security_id,side,qty,price,tif
      send,first,,1,buy,100,10.005,day
      replace,,first,,,80,10.006,
      cancel,,first
    """
    with open_desk(venue, resends=resend) as desk:
        desk.client.client.requests_unanswered_max = window
        runner = Runner(desk, venue, file)
        runner.run()
    if runner.failed:
        raise click.exceptions.Exit(1)


class Runner:
    """Lines in, reports out, until the lines end and everything is answered."""

    def __init__(self, desk: Desk, venue: Venue, file: IO[str]) -> None:
        self.desk = desk
        self.venue = venue
        self.failed = False
        self._file = file
        self._number = file.fileno()
        self._is_typed = file.isatty()
        self._pending = b""
        self._reader = LineReader(desk.session, self._facts_of)

    def _facts_of(self, cl_ord_id: int) -> tuple[int, int] | None:
        known = self.desk.memory.orders.get(str(cl_ord_id))
        return None if known is None else (known[0], known[1])

    def run(self) -> None:
        """Until the end of the input, or the session's."""
        client, session = self.desk.client, self.desk.session
        if self._is_typed:
            click.echo(HELP, err=True)
        while self._take_lines():
            self._show(client.poll(_IDLE_SECONDS, wake_on=self._number))
            if client.client.phase is not Phase.ESTABLISHED:
                self.failed = True
                return
        self._show(client.settle(self.venue.timeout_seconds))
        self._show(client.poll(0.0))
        if session.collected or session.unanswered_count:
            left = session.collected + session.unanswered_count
            click.echo(f"{left} requests were not answered within {self.venue.timeout_seconds:g} s.", err=True)
            self.failed = True

    def _take_lines(self) -> bool:
        """Carry out the lines that are there. False: there are no more, ever."""
        while True:
            octets = os.read(self._number, _READ_BYTES) if self._is_ready() else None
            if octets is None:
                return True
            *lines, self._pending = (self._pending + octets).split(b"\n")
            if not octets:
                lines, self._pending = [self._pending], b""
            for line in lines:
                if not self._take(line.decode("utf-8", "replace").strip()):
                    return False
            if not octets:
                return False

    def _is_ready(self) -> bool:
        poll = select.poll()
        poll.register(self._number, select.POLLIN)
        return bool(poll.poll(0))

    def _take(self, line: str) -> bool:
        """Carry out one line. False: it was to quit."""
        if line == "quit":
            return False
        if line == "help":
            click.echo(HELP, err=True)
        elif line == "orders":
            for one in self.desk.session.open_orders():
                text = f"{one.leaves_lots} open, {one.cum_lots} filled"
                click.echo(f"order {one.cl_ord_id} instrument {one.security_id}: {text}", err=True)
        else:
            try:
                self._reader.request(line)
            except RequestError as error:
                click.echo(f"Error: {error}", err=True)
                self.failed = self.failed or not self._is_typed
            self.desk.client.send()
        return True

    def _show(self, happened: Happened) -> None:
        show(happened, self.venue)
        for one in happened:
            if not isinstance(one, Report):
                self.failed = self.failed or one.kind == NOTICE_LOST
            elif one.request is not None and one.request.state is State.REJECTED:
                self.failed = True
            elif one.name == "NotApplied":
                self.failed = self.failed or not self.desk.client.client.terms.resends
