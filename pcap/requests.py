"""One request of a client, before it is bytes: what the converter reads and the generator invents."""

from __future__ import annotations

from typing import NamedTuple

from native.layout import KIND_CANCEL, KIND_NEW_ORDER, KIND_REPLACE

FAULT_NONE = 0
FAULT_DUPLICATE = 1
"""The datagram arrives twice."""
FAULT_LOST = 2
"""The datagram never arrives: its numbers are a gap."""
FAULT_LATE = 3
"""The datagram arrives after the next one of its session, when its numbers are already reported as not applied."""

FAULTS_WITHOUT_EFFECT = (FAULT_LOST, FAULT_LATE)
"""The venue never applies these."""
FAULT_NAMES = {FAULT_DUPLICATE: "duplicate", FAULT_LOST: "lost", FAULT_LATE: "late"}
KIND_NAMES = {KIND_NEW_ORDER: "new", KIND_REPLACE: "replace", KIND_CANCEL: "cancel"}


class Request(NamedTuple):
    """A new order, replace or cancel in wire units. Fields that a kind does not have are 0."""

    time_ns: int  # when its datagram is seen on the wire, UTC
    session: int  # number of the session, from 1
    kind: int  # native.layout.KIND_*
    security_id: int
    cl_ord_id: int
    orig_cl_ord_id: int  # 0: a new order
    side: int  # FIX: 1 buy, 2 sell
    price_nanos: int
    qty_lots: int  # OrderQty: of a replace the new total
    time_in_force: int  # as on the wire (an ASCII digit)
    fault: int = FAULT_NONE
    comment: str = ""  # kept by pcapng
