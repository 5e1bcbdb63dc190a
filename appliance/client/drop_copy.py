"""A subscriber of a firm's drop copy, sans I/O: every execution of the day, in order, each once (docs/GATEWAY.md).

    client = DropCopyClient(Terms(key_id="house", secret=secret, stream=True))
    with BlockingClient(client, [("10.0.0.5", 26404)]) as desk:
        desk.log_on()
        while desk.client.phase is Phase.ESTABLISHED:
            for happened in desk.poll(1.0): ...

It is driven as `FixpClient` is, by the same shells. A `Report` has the number of the execution in the firm's flow;
the MsgSeqNum of its message is that of the session that it is a copy from. What was before the log-on, or was missed
between two, is asked for. Topic names the flow of the day: with another day it begins anew, at number 1.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from appliance.client.fixp import FixpClient
from appliance.client.flow import ReportFlow
from appliance.client.parse import Item, Parsed, parse
from appliance.client.session import ClientSession
from appliance.client.terms import FLOW_NONE, Happened, Terms


class DropCopyClient(FixpClient):
    """One subscriber; over TCP alone."""

    CLIENT_FLOW = FLOW_NONE

    def __init__(self, terms: Terms, first_number: int | None = 1) -> None:
        """`first_number`: of the first execution that is wanted; None: those from the log-on on."""
        super().__init__(
            ClientSession(uuid.uuid4().bytes, next_report_seq=first_number), replace(terms, stream=True, resends=False)
        )
        self.flow_id = b""
        """UUID of the flow, once Topic has named it."""
        self._is_named: bool = False
        """Topic came since the log-on: `flow` is the flow that is told now."""

    @property
    def next_number(self) -> int:
        """Of the execution that comes next: what to begin with another time, on the same day."""
        return self.flow.next_seq

    def _parse(self, octets: bytes, number: int | None) -> Parsed:
        return parse(octets, self.session.uuid, number, is_copy=True)

    def _session_message(self, item: Item, now_ns: int) -> Happened:
        if item.name != "Topic":
            return super()._session_message(item, now_ns)
        if self.flow_id not in (b"", item.values.SessionId):
            self.flow = ReportFlow()
            self.flow.restart(self._stream_number or 1)
        self.flow_id, self._is_named = item.values.SessionId, True
        return []

    def _recover(self, now_ns: int) -> None:
        if self._is_named:
            super()._recover(now_ns)

    def _forget_binding(self) -> None:
        super()._forget_binding()
        self._is_named = False
