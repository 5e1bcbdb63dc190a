"""[admission] and [gateway] of the configuration: whose packets are looked at, and who may log on."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from native.limits import SOURCES_MAX

TcpPort = Annotated[int, Field(ge=1, le=65535)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Admission(_Table):
    """[admission]: which datagrams to the order-entry port are taken at all; the xdp port drops the others in its XDP
    program, before they cost the loop anything, and more log-ons than order_entry.handshakes_a_second. Off while
    `sources` is empty."""

    sources: Annotated[tuple[str, ...], Field(max_length=SOURCES_MAX)] = ()
    """Networks that may send, such as 192.0.2.0/24 or 198.51.100.7; nobody else may. Empty: admission is off."""
    datagrams_a_second: Annotated[int, Field(ge=0, le=100_000_000)] = 0
    """Of one source address; 0: as many as it likes."""
    datagrams_burst: Annotated[int, Field(ge=1, le=100_000_000)] = 4096
    """That one source may send at once, after a pause."""

    @model_validator(mode="after")
    def _sources_are_networks(self) -> Admission:
        for text in self.sources:
            try:
                ipaddress.IPv4Network(text)
            except ValueError as error:
                raise ValueError(f"sources: {text!r} is not an IPv4 network such as 192.0.2.0/24: {error}") from None
        if self.datagrams_a_second and not self.sources:
            raise ValueError("datagrams_a_second does nothing without sources")
        return self


class Gateway(_Table):
    """[gateway]: the process that verifies log-ons, and speaks FIXP over TCP."""

    enabled: bool = False
    """Without it only provisioned sessions can trade, over UDP."""
    ip: str = "127.0.0.1"
    tcp_port: TcpPort = 26403
    framing: Literal["sofh", "cme", "b3"] = "sofh"
    """What stands before each message on TCP: SOFH (6 bytes, big-endian), or the 4 bytes of CME or of B3."""
    keys_file: str = ""
    """The secrets of [[sessions]] with a `key_id`: a line a key, readable by the owner alone (docs/OPERATIONS.md)."""
    connections_max: Annotated[int, Field(ge=1, le=4096)] = 256
    connections_a_source_max: Annotated[int, Field(ge=1, le=4096)] = 16
    logon_ms: Annotated[int, Field(ge=50, le=600_000)] = 5000
    """How long a connection may take to establish a session, and a frame to arrive."""
    stall_ms: Annotated[int, Field(ge=50, le=600_000)] = 2000
    """How long a client may leave a full write buffer unread."""
    bad_logons_max: Annotated[int, Field(ge=1, le=1000)] = 5
    """So many bad log-ons of one source within `closed_seconds` close the port to it, for so long."""
    closed_seconds: Annotated[int, Field(ge=1, le=86_400)] = 60
    ring_kib: Annotated[int, Field(ge=64, le=1 << 18)] = 4096
    """Size of each of the two rings between the loop and the gateway, a power of two."""
    drop_copy_port: TcpPort = 26404
    """TCP port of [[drop_copies]], where there are any."""

    @model_validator(mode="after")
    def _rings_are_powers_of_two(self) -> Gateway:
        if self.ring_kib & (self.ring_kib - 1):
            raise ValueError("ring_kib is not a power of two")
        if self.enabled and not self.keys_file:
            raise ValueError("keys_file must name a file when the gateway is enabled")
        return self


class DropCopyKey(_Table):
    """[[drop_copies]]: a key with which the executions of a firm are had; every subscriber may use the same."""

    key_id: Annotated[str, Field(pattern=r"^[!-~]{1,20}$")]
    firm: Annotated[int, Field(ge=0, le=(1 << 32) - 2)] = 0
    """Its id in [[firms]]; without [[accounts]] there is firm 0, all sessions'."""


def check_drop_copies(config: Any) -> None:
    """ValueError, with one sentence, where a key of a Config is for a firm that nobody trades for."""
    firms = {account.firm for account in config.accounts} or {0}
    for copy in config.drop_copies:
        if copy.firm not in firms:
            raise ValueError(f"drop_copies: key {copy.key_id} is for firm {copy.firm}, of which there are no accounts")
