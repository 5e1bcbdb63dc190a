"""What a FIXP client agrees on, where it stands, and what it tells: the vocabulary of `appliance.client.fixp`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from appliance.client.ledger import Report

FLOW_RECOVERABLE: Final = 0
FLOW_IDEMPOTENT: Final = 1
FLOW_NONE: Final = 3
NEVER_NS: Final = 1 << 62
MILLISECOND_NS: Final = 1_000_000
FRAME_BYTES_MAX: Final = 64 * 1024
SILENT_INTERVALS_MAX: Final = 3
TERMINATE_FINISHED: Final = 0
TERMINATE_UNSPECIFIED: Final = 1
REJECT_DUPLICATE_ID: Final = 2
REJECT_UNNEGOTIATED: Final = 0
RETRANSMIT_INVALID_SESSION: Final = 1
RETRANSMIT_LIMIT_EXCEEDED: Final = 2
REJECT_ALREADY_ESTABLISHED: Final = 1

NEGOTIATION_REJECTS: Final = {
    0: "the credentials are not right, or too old",
    1: "the flow type is not supported",
    2: "the session id was used before",
    3: "it was refused",
}
ESTABLISHMENT_REJECTS: Final = {
    0: "the session is not negotiated",
    1: "the session is established already",
    2: "the session is blocked",
    3: "the keepalive interval is not allowed",
    4: "the credentials are not right, or too old",
    5: "it was refused",
}
RETRANSMIT_REJECTS: Final = {0: "out of range", 1: "the session id is not known", 2: "too many messages"}
TERMINATIONS: Final = {
    0: "finished",
    1: "an error",
    2: "messages were asked for again that were never sent",
    3: "messages were asked for again while others were still being sent again",
}


class Phase(StrEnum):
    """Where the session stands."""

    UNNEGOTIATED = "unnegotiated"
    NEGOTIATING = "negotiating"
    NEGOTIATED = "negotiated"
    """Known to the server, and not bound to a transport: `log_on` binds it."""
    ESTABLISHING = "establishing"
    ESTABLISHED = "established"
    TERMINATING = "terminating"
    FINISHED = "finished"
    """Both flows are at their end; this session id is of no more use."""


class Notice(NamedTuple):
    """What became of the session: `kind` is one of NOTICE_*, `code` the message's code where it has one."""

    kind: str
    text: str
    code: int | None = None


NOTICE_LOGGED_ON: Final = "logged on"
NOTICE_REFUSED: Final = "refused"
NOTICE_LOST: Final = "lost"
NOTICE_LOGGED_OUT: Final = "logged out"
NOTICE_FINISHED: Final = "finished"
NOTICE_GAP: Final = "gap"
NOTICE_RECOVERED: Final = "recovered"
NOTICE_NOT_RECOVERABLE: Final = "not recoverable"

Happened = list[Report | Notice]


@dataclass(frozen=True)
class Terms:
    """How a session is run. Without `key_id` it is provisioned: established from the start, and never negotiated."""

    key_id: str = ""
    secret: bytes = b""
    keepalive_ms: int = 1000
    """The longest silence of ours; the server says its own."""
    cod_type: int = 0
    cod_window_ms: int = 0
    """Cancel on disconnect: see `wire.credentials`."""
    answer_timeout_ms: int = 250
    """How long until a log-on or log-out message is repeated."""
    tries_max: int = 8
    """How often it is sent in all."""
    recovery_timeout_ms: int = 100
    """How long without progress until missing reports are asked for once more."""
    probe_ms: int = 50
    """How long a request may be unanswered until an empty Context tells the server how many there are: so a lost last
    datagram is noticed."""
    resends: bool = False
    """Send what was reported as NotApplied once more by itself, as new requests under new ClOrdIDs."""
    stream: bool = False
    """TCP: frames with SOFH, Sequence instead of Context, nothing is repeated."""
