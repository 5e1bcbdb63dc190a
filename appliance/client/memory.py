"""What a command-line client remembers between two runs: its session's numbers and which orders it sent.

Nobody tells the client of a provisioned session its next number, and a negotiated session goes on where it stood: so
the numbers are kept in a small JSON file, one a session (or key) and address, and locked while in use.
"""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from appliance.client.ledger import Kind
from appliance.client.session import ClientSession

ORDERS_MAX = 1000


@dataclass
class Memory:
    """Next numbers, and instrument and side of the orders sent last, by ClOrdID (as text: JSON keys)."""

    next_seq: int = 1
    next_cl_ord_id: int = 1
    orders: dict[str, list[int]] = field(default_factory=dict)
    session_id: str = ""
    """UUID of the session that was negotiated; empty: none was."""
    next_report_seq: int = 1

    def remember(self, session: ClientSession) -> None:
        """Take over the numbers and orders of `session`."""
        self.next_seq = max(self.next_seq, session.next_seq)
        self.next_cl_ord_id = session.next_cl_ord_id
        self.next_report_seq = session.next_report_seq or 1
        for request in session.requests.values():
            if request.kind in (Kind.NEW, Kind.REPLACE):
                self.orders[str(request.cl_ord_id)] = [request.security_id, request.side]
        for oldest in list(self.orders)[:-ORDERS_MAX]:
            del self.orders[oldest]


def memory_path(who: str, ip: str, port: int) -> Path:
    """The file of one session (by its UUID as text) or key at one address, in the user's state folder."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return Path(base) / "pitwire" / f"client-{who.replace('/', '%')}-{ip}-{port}.json"


@contextmanager
def remembered(path: Path) -> Iterator[Memory]:
    """The memory in `path` (new where there is none or it cannot be read), written back when the block ends.

    Waits while another process uses it. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        memory = _parse(file.read())
        try:
            yield memory
        finally:
            file.seek(0)
            file.truncate()
            json.dump(asdict(memory), file)


def _parse(text: str) -> Memory:
    try:
        values = json.loads(text)
        orders = {str(int(key)): [int(security), int(side)] for key, (security, side) in values["orders"].items()}
        session_id = str(values.get("session_id", ""))
        return Memory(
            max(int(values["next_seq"]), 1),
            max(int(values["next_cl_ord_id"]), 1),
            orders,
            session_id and str(uuid.UUID(session_id)),
            max(int(values.get("next_report_seq", 1)), 1),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return Memory()
