"""Requests of `pitwire client` as text: options, words of a line, rows of CSV, JSON objects. One meaning for all."""

from __future__ import annotations

import csv
import io
import json
import shlex
import time
from collections.abc import Callable
from typing import Any

import click

from appliance.cli.client_text import ORDER_TYPES, SIDES, STP_INSTRUCTIONS, TIMES_IN_FORCE, Price, UtcTime
from appliance.client.ledger import HIDDEN, POST_ONLY, POST_ONLY_SLIDE, REDUCE_ONLY, Request
from appliance.client.session import ClientSession, SessionError

SECURITY_ID = click.IntRange(1, (1 << 31) - 1)
QTY = click.IntRange(min=0, max=(1 << 63) - 1)
CL_ORD_ID = click.IntRange(min=1)
GROUP = click.IntRange(1, (1 << 16) - 2)
STP_ID = click.IntRange(1, (1 << 32) - 2)
_DIGITS_MAX = 20

_TYPES: dict[str, click.ParamType[Any]] = {
    "security_id": SECURITY_ID,
    "side": click.Choice(list(SIDES)),
    "qty": QTY,
    "price": Price(),
    "stop_price": Price(),
    "tif": click.Choice(list(TIMES_IN_FORCE)),
    "type": click.Choice(list(ORDER_TYPES)),
    "expire": UtcTime(),
    "display_qty": QTY,
    "min_qty": QTY,
    "post_only": click.BOOL,
    "slide": click.BOOL,
    "reduce_only": click.BOOL,
    "hidden": click.BOOL,
    "stp_id": STP_ID,
    "stp": click.Choice(list(STP_INSTRUCTIONS)),
    "group": GROUP,
    "above": Price(),
    "below": Price(),
}
_SEND = {
    *("security_id", "side", "qty", "type", "price", "stop_price", "tif", "expire", "display_qty", "min_qty"),
    *("post_only", "slide", "reduce_only", "hidden", "stp_id", "stp", "group"),
}
_TAKEN = {
    "send": {"id", *_SEND},
    "cancel": {"id", "order", "security_id", "side"},
    "replace": {"id", "order", "qty", "price", "stop_price", "display_qty", "security_id", "side"},
    "mass-cancel": {"id", "security_id", "side", "above", "below", "group"},
    "status": {"order"},
    "watermark": set(),
}
_NEEDED = {
    "send": ("security_id", "side", "qty"),
    "cancel": ("order",),
    "replace": ("order", "qty"),
    "mass-cancel": (),
    "status": ("order",),
    "watermark": (),
}
_WORDS = {
    "send": ("security_id", "side", "qty", "price", "tif"),
    "cancel": ("order",),
    "replace": ("order", "qty", "price"),
    "mass-cancel": ("security_id", "side"),
    "status": ("order",),
    "watermark": (),
}
"""What the words of a line are, in order."""


class RequestError(Exception):
    """A line asks for something that is not; the message is one sentence."""


def send_request(session: ClientSession, values: dict[str, Any], cl_ord_id: int | None = None) -> Request:
    """Collect a new order: a NewOrderShort where that says it all, else a NewOrderSingle. `values` by the names of the
    options, already of their types. Raises SessionError."""
    given = {key: value for key, value in values.items() if value is not None}
    exec_inst = (
        POST_ONLY * bool(given.get("post_only"))
        | POST_ONLY_SLIDE * bool(given.get("slide"))
        | REDUCE_ONLY * bool(given.get("reduce_only"))
        | HIDDEN * bool(given.get("hidden"))
    )
    security_id, side, qty = given["security_id"], SIDES[given["side"]], given["qty"]
    time_in_force = TIMES_IN_FORCE[given.get("tif", "day")]
    ord_type, price = given.get("type", "limit"), given.get("price")
    more = {"stop_price", "expire", "display_qty", "min_qty", "stp_id", "stp", "group"}
    if "stp" in given and "stp_id" not in given:
        raise SessionError("An STP instruction needs an STP id: the number that the two orders share.")
    if ord_type == "limit" and price is not None and not more & given.keys():
        return session.new_order(security_id, side, price, qty, time_in_force, exec_inst, cl_ord_id)
    return session.new_order_single(
        security_id,
        side,
        qty,
        ord_type=ORDER_TYPES[ord_type],
        price_nanos=price,
        stop_price_nanos=given.get("stop_price"),
        time_in_force=time_in_force,
        expire_time_ns=given.get("expire"),
        display_lots=given.get("display_qty"),
        min_qty_lots=given.get("min_qty"),
        exec_inst=exec_inst,
        self_match_prevention_id=given.get("stp_id"),
        stp_instruction=STP_INSTRUCTIONS[given.get("stp", "newest")] if "stp_id" in given else 0,
        cancel_group=given.get("group"),
        cl_ord_id=cl_ord_id,
        sending_time_ns=time.time_ns(),
    )


class LineReader:
    """Lines to requests. A line is a JSON object, words, or, behind a first line that begins with `do,`, a row of CSV.

    A request may have an `id` of the writer's own; later lines name its order by that, or by its ClOrdID.
    """

    def __init__(self, session: ClientSession, facts_of: Callable[[int], tuple[int, int] | None]) -> None:
        """`facts_of` gives instrument and side of an order that is not in the ledger, where they are known."""
        self._session = session
        self._facts_of = facts_of
        self._columns: list[str] | None = None
        self._ids: dict[str, int] = {}

    def request(self, line: str) -> Request | None:
        """Collect what the line asks for; None: it is empty, a comment or the header. Raises RequestError."""
        text = line.strip()
        if not text or text.startswith("#"):
            return None
        try:
            fields = self._fields(text)
            if fields is None:
                return None
            return self._collect(fields)
        except (SessionError, click.BadParameter) as error:
            message = error.format_message() if isinstance(error, click.ClickException) else str(error)
            raise RequestError(message) from None

    def _fields(self, text: str) -> dict[str, Any] | None:
        if text.startswith("{"):
            try:
                found = json.loads(text)
            except ValueError as error:
                raise RequestError(f"That is not JSON: {error}.") from None
            return {str(key): value for key, value in found.items() if value is not None}
        if text.startswith("do,"):
            self._columns = [name.strip() for name in text.split(",")]
            return None
        if self._columns is not None:
            row = [value.strip() for value in next(csv.reader(io.StringIO(text)))]
            if len(row) > len(self._columns):
                raise RequestError(f"The row has {len(row)} columns, the header {len(self._columns)}.")
            return {name: value for name, value in zip(self._columns, row, strict=False) if value}
        try:
            what, *words = shlex.split(text)
        except ValueError as error:
            raise RequestError(f"That cannot be read: {error}.") from None
        names = _WORDS.get(what, ())
        if len(words) > len(names):
            raise RequestError(f"{what}: too many words; it takes {' '.join(names) or 'none'}.")
        return {"do": what, **dict(zip(names, words, strict=False))}

    def _collect(self, fields: dict[str, Any]) -> Request:
        what = str(fields.pop("do", ""))
        if what not in _TAKEN:
            raise RequestError(f"{what!r} is none of {', '.join(_TAKEN)}.")
        unknown = fields.keys() - _TAKEN[what]
        if unknown:
            raise RequestError(f"{what} has no {', '.join(sorted(unknown))}.")
        missing = [name for name in _NEEDED[what] if name not in fields]
        if missing:
            raise RequestError(f"{what} needs {', '.join(missing)}.")
        own_id = fields.pop("id", None)
        order = self._order(fields.pop("order")) if "order" in fields else 0
        values = {name: self._convert(name, value) for name, value in fields.items()}
        request = self._ask(what, order, values)
        if own_id is not None:
            self._ids[str(own_id)] = request.cl_ord_id
        return request

    def _convert(self, name: str, value: Any) -> Any:
        text = value if isinstance(value, bool) else str(value)
        try:
            return _TYPES[name].convert(text, None, None)
        except click.BadParameter as error:
            raise RequestError(f"{name}: {error.message}") from None

    def _order(self, named: Any) -> int:
        text = str(named)
        is_number = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
        number = self._ids.get(text) or (int(text) if is_number else 0)
        if not number:
            raise RequestError(f"There was no request with the id {text!r}.")
        while (known := self._session.requests.get(number)) is not None and known.resent_as:
            number = known.resent_as
        return number

    def _ask(self, what: str, order: int, values: dict[str, Any]) -> Request:
        session = self._session
        if what == "send":
            return send_request(session, values)
        if what == "status":
            return session.ask_status(order, time.time_ns())
        if what == "watermark":
            return session.ask_watermark(time.time_ns())
        side = SIDES[values["side"]] if "side" in values else None
        security_id = values.get("security_id")
        if what == "mass-cancel":
            above, below = values.get("above"), values.get("below")
            if security_id is None and (above is not None or below is not None):
                raise RequestError("above and below need security_id: prices are those of one instrument.")
            return session.mass_cancel(
                security_id,
                sending_time_ns=time.time_ns(),
                side=side,
                above_nanos=above,
                below_nanos=below,
                cancel_group=values.get("group"),
            )
        if order not in session.requests and (facts := self._facts_of(order)) is not None:
            security_id, side = security_id or facts[0], side or facts[1]
        if what == "cancel":
            return session.cancel(order, security_id, side, sending_time_ns=time.time_ns())
        return session.replace(
            order,
            values.get("price"),
            values["qty"],
            security_id,
            side,
            sending_time_ns=time.time_ns(),
            stop_price_nanos=values.get("stop_price"),
            display_lots=values.get("display_qty"),
        )
