"""The drop copies of a venue: which key may have which firm's, and who negotiated what."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from appliance.gateway.drop_copy import DropCopyConnection
from appliance.gateway.verify import Verifier

if TYPE_CHECKING:
    from appliance.gateway.server import Gateway


@dataclass(frozen=True)
class DropCopy:
    """A row of [[drop_copies]]."""

    key_id: str
    firm: int
    """Index of the firm, as the report log has it."""
    name: str
    """Of the flow, unlike any other's: its UUID is made of it and the day."""
    classification: str = ""
    """What Topic says that the flow carries."""

    def flow_id(self, day: int) -> bytes:
        """UUID of the firm's flow, on the day of this number."""
        return uuid.uuid5(uuid.NAMESPACE_DNS, f"{day}.{self.name}").bytes


@dataclass
class DropCopies:
    """Serves `copies` from the gateway's report log."""

    gateway: Gateway
    copies: Sequence[DropCopy]
    negotiated: dict[str, bytes] = field(default_factory=dict)
    """The SessionId that was negotiated last with each key; a new process of the gateway knows none."""

    def __post_init__(self) -> None:
        rows = {copy.key_id: at for at, copy in enumerate(self.copies)}
        self.verifier: Verifier = Verifier(self.gateway.keys_file.keys, rows, self.gateway.counters)

    def new_connection(self) -> DropCopyConnection:
        """For a client that connects."""
        return DropCopyConnection(self, self.gateway.next_number())

    def pump(self, connections: Sequence[object]) -> bool:
        """Send every subscriber what is new. True: there is more."""
        reports = self.gateway.reports
        if reports is None:
            return False
        more = reports.poll()  # always: who subscribes in the evening should not wait for the day to be read
        for connection in connections:
            if isinstance(connection, DropCopyConnection):
                more = connection.pump(reports, is_all_read=not more) or more
        return more
