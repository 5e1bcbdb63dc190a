"""An order flow in a text file to the requests that would have made it.

The format: a line a row, fields separated by `;`, the first line naming them:
`ordtype;uid;is_buy;qty;price;timestamp`. `new` is a limit order; `modif` lowers the open quantity by `qty`; `cancel`
takes the order off (its `qty`, what was open then, goes into the comment). Prices are exact decimals, never floats.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE
from native.limits import QTY_LOTS_MAX
from pcap.messages import SIDE_BUY, SIDE_SELL, TIME_IN_FORCE_DAY
from pcap.requests import Request

COLUMNS = ["ordtype", "uid", "is_buy", "qty", "price", "timestamp"]
ROW_SPACING_NS = 1000
"""A row of the same time as the one before it, or an earlier one, comes this much later: order and strict rise hold."""
NANOS_PER_UNIT = 1_000_000_000
PRICE_NANOS_MAX = (1 << 63) - 1

_PRICE = re.compile(r"([0-9]{1,10})(?:\.([0-9]{1,9}))?")
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?")
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_EPOCH = datetime.date(1970, 1, 1)


class FlowError(ValueError):
    """A row that cannot be converted: the message is `file:line: sentence`."""

    def __init__(self, file: str, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
        self.file = file
        self.line = line
        self.sentence = sentence


class _Fault(ValueError):
    """A sentence without its place."""


@dataclass
class _Order:
    cl_ord_id: int
    side: int
    qty_lots: int  # OrderQty as the venue has it
    price_nanos: int


def parse_price(text: str) -> int:
    """An exact decimal of at most nine places as 1e-9 units. Raises ValueError."""
    match = _PRICE.fullmatch(text)
    if match is None:
        raise _Fault(f"The price {text!r} is not a decimal with at most nine places.")
    price_nanos = int(match[1]) * NANOS_PER_UNIT + int((match[2] or "").ljust(9, "0"))
    if not 0 < price_nanos <= PRICE_NANOS_MAX:
        raise _Fault(f"The price {text!r} is zero or more than 64 bits hold at 1e-9.")
    return price_nanos


def parse_time(text: str) -> int:
    """`YYYY-MM-DD HH:MM:SS[.fraction]` as ns since the epoch, as if it were UTC. Raises ValueError."""
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        days = (datetime.date.fromisoformat(match[1]) - _EPOCH).days
        hour, minute, second = int(match[2]), int(match[3]), int(match[4])
        if days < 0 or hour > 23 or minute > 59 or second > 59:
            raise ValueError
    except ValueError:
        raise _Fault(f"The time {text!r} is not a YYYY-MM-DD HH:MM:SS.mmm of 1970 or later.") from None
    seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    return seconds * NANOS_PER_UNIT + int((match[5] or "").ljust(9, "0"))


def parse_utc_offset(text: str) -> int:
    """`+02:00` as ns: what the file's clock is ahead of UTC. Raises ValueError."""
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise ValueError(f"The offset {text!r} is not of the form +HH:MM or -HH:MM.")
    offset_ns = (int(match[2]) * 60 + int(match[3])) * 60 * NANOS_PER_UNIT
    return -offset_ns if match[1] == "-" else offset_ns


def _parse_qty(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= QTY_LOTS_MAX:
        raise _Fault(f"The quantity {text!r} is not a whole number from 1 to {QTY_LOTS_MAX}.")
    return int(text)


class _Converter:
    """Carries what a row's request needs from the rows before it."""

    def __init__(self, session: int, security_id: int, utc_offset_ns: int) -> None:
        self.session = session
        self.security_id = security_id
        self.utc_offset_ns = utc_offset_ns
        self.orders: dict[str, _Order] = {}
        self.last_ns = -1
        self.last_cl_ord_id = 0

    def convert(self, fields: list[str], comment: str) -> Request:
        if len(fields) != len(COLUMNS):
            raise _Fault(f"The row has {len(fields)} fields instead of {len(COLUMNS)}.")
        kind_text, uid, is_buy, qty_text, price_text, time_text = fields
        if not uid:
            raise _Fault("The uid is empty.")
        time_ns = parse_time(time_text) - self.utc_offset_ns
        if time_ns < 0:
            raise _Fault(f"The time {time_text!r} less its offset from UTC is before 1970.")
        if kind_text == "new":
            kind, order, orig_cl_ord_id = KIND_NEW_ORDER, self._new(uid, is_buy, qty_text, price_text), 0
        elif kind_text in ("modif", "cancel"):
            known = self.orders.get(uid)
            if known is None:
                raise _Fault(f"The uid {uid} was not seen in a row before with ordtype new.")
            kind, order, orig_cl_ord_id = KIND_CANCEL, known, known.cl_ord_id
            qty_lots = _parse_qty(qty_text)
            if kind_text == "modif":
                kind = KIND_REPLACE
                order.qty_lots = max(order.qty_lots - qty_lots, 0)
        else:
            raise _Fault(f"The ordtype {kind_text!r} is none of new, modif, cancel.")

        self.last_cl_ord_id += 1
        if kind != KIND_CANCEL:
            order.cl_ord_id = self.last_cl_ord_id
        self.last_ns = time_ns if time_ns > self.last_ns else self.last_ns + ROW_SPACING_NS
        is_cancel = kind == KIND_CANCEL
        return Request(
            self.last_ns,
            self.session,
            kind,
            self.security_id,
            self.last_cl_ord_id,
            orig_cl_ord_id,
            order.side,
            0 if is_cancel else order.price_nanos,
            0 if is_cancel else order.qty_lots,
            TIME_IN_FORCE_DAY if kind == KIND_NEW_ORDER else 0,
            comment=comment,
        )

    def _new(self, uid: str, is_buy: str, qty_text: str, price_text: str) -> _Order:
        if uid in self.orders:
            raise _Fault(f"The uid {uid} has a row with ordtype new already.")
        if is_buy not in ("True", "False"):
            raise _Fault(f"The is_buy {is_buy!r} is neither True nor False.")
        side = SIDE_BUY if is_buy == "True" else SIDE_SELL
        order = self.orders[uid] = _Order(0, side, _parse_qty(qty_text), parse_price(price_text))
        return order


def convert_rows(
    lines: Iterable[str], *, file: str = "flow", session: int = 1, security_id: int = 1, utc_offset_ns: int = 0
) -> Iterator[Request]:
    """The request of each row, in order. All go through one session to one instrument.

    ClOrdIDs count the rows from 1; a replace or cancel names the ClOrdID that its order has by then, and a replace the
    new total quantity (0: nothing is left). Each request's comment is `line N: ` and the row. Raises FlowError.
    """
    converter = _Converter(session, security_id, utc_offset_ns)
    rows = enumerate(lines, 1)
    for line, text in rows:
        if text.strip().split(";") != COLUMNS:
            raise FlowError(file, line, f"The first line must be {';'.join(COLUMNS)}.")
        break
    else:
        raise FlowError(file, 1, "The file is empty.")
    for line, text in rows:
        row = text.strip()
        if not row:
            continue
        try:
            yield converter.convert(row.split(";"), f"line {line}: {row}")
        except _Fault as fault:
            raise FlowError(file, line, str(fault)) from None


def convert_file(
    path: str | Path, *, session: int = 1, security_id: int = 1, utc_offset_ns: int = 0
) -> Iterator[Request]:
    """`convert_rows` over a text file. Raises FlowError, and OSError where the file cannot be read."""
    with open(path, encoding="utf-8", errors="backslashreplace", newline="") as lines:
        yield from convert_rows(
            lines, file=str(path), session=session, security_id=security_id, utc_offset_ns=utc_offset_ns
        )
