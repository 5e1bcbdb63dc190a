"""What the client's side of a session knows: its requests, what became of them, and the reports that said so.

Numbers are those of FIX and of `codecs/schemas/order_entry.xml`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

BUY: Final = 1
SELL: Final = 2
DAY: Final = ord("0")
GOOD_TILL_CANCEL: Final = ord("1")
AT_OPEN: Final = ord("2")
IMMEDIATE_OR_CANCEL: Final = ord("3")
FILL_OR_KILL: Final = ord("4")
GOOD_TILL_DATE: Final = ord("6")
AT_CLOSE: Final = ord("7")
GOOD_FOR_AUCTION: Final = ord("A")
MARKET: Final = ord("1")
LIMIT: Final = ord("2")
STOP: Final = ord("3")
STOP_LIMIT: Final = ord("4")
MARKET_IF_TOUCHED: Final = ord("J")
LIMIT_IF_TOUCHED: Final = ord("T")
MARKET_TO_LIMIT: Final = ord("K")
POST_ONLY: Final = 1
POST_ONLY_SLIDE: Final = 2
REDUCE_ONLY: Final = 4
HIDDEN: Final = 16


class State(StrEnum):
    """Where a request stands. An order's life is told under the ClOrdID of the last request that changed it."""

    PENDING = "pending"
    """Sent, or collected, and not answered."""
    NEW = "new"
    PARTIALLY_FILLED = "partially filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    """Its time was over."""
    REPLACED = "replaced"
    """A later request took the order over: see `replaced_by`."""
    REJECTED = "rejected"
    DONE = "done"
    """A cancel request that was carried out."""
    NOT_APPLIED = "not applied"
    """Lost on the way, for good: the server has not seen it and never will."""
    OVER = "over"
    """It was taken under an earlier session id, whose reports are gone, and has no open order now."""


OPEN_STATES: Final = frozenset({State.NEW, State.PARTIALLY_FILLED})


class Kind(StrEnum):
    """What was asked for."""

    NEW = "new order"
    CANCEL = "cancel"
    REPLACE = "replace"
    MASS_CANCEL = "mass cancel"
    STATUS = "order status"
    WATERMARK = "watermark"


@dataclass(slots=True)
class Request:
    """One request under its ClOrdID, and the order it made or took over. Quantities in lots, price in 1e-9."""

    kind: Kind
    cl_ord_id: int
    security_id: int = 0
    side: int = 0
    price_nanos: int = 0
    qty_lots: int = 0
    orig_cl_ord_id: int = 0
    state: State = State.PENDING
    order_id: int = 0
    leaves_lots: int = 0
    cum_lots: int = 0
    replaced_by: int = 0
    resent_as: int = 0
    """ClOrdID under which a request that was NOT_APPLIED went out again."""
    reject_reason: int = 0
    session_seq: int = 0
    """Its FIXP number; 0 until it left."""
    report_seq: int = 0
    """Number of the newest report that was taken for it."""
    query_id: int = 0
    """OrdStatusReqID of a STATUS or WATERMARK request; they have no ClOrdID of their own."""
    message: bytes = field(default=b"", repr=False)
    """Its bytes, as long as it may have to be sent again."""

    @property
    def is_open(self) -> bool:
        """The order rests, as far as we were told."""
        return self.state in OPEN_STATES


class Report(NamedTuple):
    """One message of the server: its number, its name in the schema, its fields, and the request it is about.

    `request` is None where the report is about no request of ours that is known (NotApplied is about several).
    """

    sequence: int
    name: str
    values: Any
    request: Request | None


class Gap(NamedTuple):
    """Reports [from_sequence, from_sequence + messages) have not come."""

    from_sequence: int
    messages: int


@dataclass
class SessionCounters:
    """What the session saw on the server's flow."""

    datagrams: int = 0
    datagrams_bad: int = 0
    datagrams_of_others: int = 0
    reports: int = 0
    reports_unknown: int = 0
    """Of a template or ClOrdID that this client does not know."""
    duplicates: int = 0
    gaps: int = 0
    missing: int = 0
    """Reports that are missing now."""
    retransmit_requests: int = 0
    """How often missing reports were asked for."""
    stale: int = 0
    """Late reports that newer ones had overtaken: kept out of the ledger."""
    not_applied: int = 0
    """Requests that the server reported as lost."""


class Received(NamedTuple):
    """What one datagram brought."""

    reports: list[Report]
    gap: Gap | None
