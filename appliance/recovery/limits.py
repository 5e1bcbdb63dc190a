"""What one client of the recovery server, and all of them together, may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from appliance.recovery.allocations import Allocation
from appliance.recovery_config import Recovery

_TABLE: Final = Recovery()
_REQUESTS: Final = Allocation(_TABLE.requests_a_second, _TABLE.requests_a_minute, _TABLE.requests_a_day)
_MESSAGES: Final = Allocation(_TABLE.messages_a_second, _TABLE.messages_a_minute, _TABLE.messages_a_day)


@dataclass(frozen=True)
class ServerLimits:
    """Every bound of the server. Raises ValueError where two contradict each other."""

    messages_a_request_max: int = _TABLE.messages_a_request_max
    connections_max: int = _TABLE.connections_max
    connections_a_client_max: int = _TABLE.connections_a_client_max
    """A client is a source address."""
    clients_max: int = 65_536
    """Clients of a day whose allocations are kept; others are refused."""
    requests: Allocation = _REQUESTS
    messages: Allocation = _MESSAGES
    refusals_in_a_row_max: int = 32
    """A client that asks on so often though its allocation is exhausted is terminated."""
    heartbeats_a_second_max: int = 32
    """Of a connection; they take nothing of an allocation."""
    idle_seconds_max: float = 60.0
    """Longest silence of a client, and longest time that a frame may take to arrive."""
    stall_seconds_max: float = 5.0
    """Longest time that a client may leave what waits for it unread."""
    write_buffer_bytes_max: int = 128 * 1024
    """Bytes that the kernel holds for a client beyond what is on its way to it."""
    request_bytes_max: int = 512
    batch_bytes: int = 128 * 1024
    """A Retransmission is followed by about so many bytes of packets, then by the next one."""
    snapshot_bytes_max: int = 128 << 20
    """Snapshots that are being sent, all together; the same one is held once for all who asked for it."""
    snapshot_reuse_seconds: float = 0.05
    """A snapshot so young is given to the next who asks too, if it reflects the message that is asked for."""

    def __post_init__(self) -> None:
        for name, allowed in zip(Allocation._fields, self.messages, strict=True):
            if 0 < allowed < self.messages_a_request_max:
                raise ValueError(
                    f"The {name} message allocation of {allowed} is below messages_a_request_max, "
                    f"{self.messages_a_request_max}: such a request would never be granted."
                )

    @classmethod
    def of(cls, table: Recovery, **more: Any) -> ServerLimits:
        """The limits that the configuration sets; `more` sets others."""
        return cls(
            messages_a_request_max=table.messages_a_request_max,
            connections_max=table.connections_max,
            connections_a_client_max=table.connections_a_client_max,
            requests=Allocation(table.requests_a_second, table.requests_a_minute, table.requests_a_day),
            messages=Allocation(table.messages_a_second, table.messages_a_minute, table.messages_a_day),
            **more,
        )
