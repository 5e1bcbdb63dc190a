"""[recovery]: the TCP server that gives published ranges and snapshots again, and how much of that each client gets."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

MESSAGES_A_REQUEST_MAX = 65_536
_Allowed = Annotated[int, Field(ge=0, le=1 << 40)]
"""0: without limit."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Entitlement(_Table):
    """[[recovery.entitlements]]: who may ask for what. The first row whose source fits counts."""

    source: str = "0.0.0.0/0"
    """An address or a network, such as 10.1.2.0/24."""
    key: Annotated[str, Field(max_length=20)] = ""
    """Key id that it has logged on with, where there is a keys_file; empty: any."""
    channels: tuple[Annotated[int, Field(ge=0, le=65_535)], ...] = ()
    """ChannelIds that it may ask for; none given: all."""

    @model_validator(mode="after")
    def _source_is_a_network(self) -> Entitlement:
        try:
            ipaddress.IPv4Network(self.source)
        except ValueError:
            raise ValueError(f"source {self.source!r} is not an IPv4 address or network such as 10.1.2.0/24") from None
        return self


class Recovery(_Table):
    """[recovery]: docs/MARKET_DATA.md says what counts against an allocation, and when it is whole again."""

    enabled: bool = True
    ip: str = "127.0.0.1"
    tcp_port: Annotated[int, Field(ge=1, le=65535)] = 26402
    cpu: Annotated[int, Field(ge=-1, le=1023)] = -1
    """CPU to pin the server to; -1: any but the loop's."""
    snapshots: bool = True
    """Give snapshots on demand too; the server then keeps books of its own."""
    keys_file: str = ""
    """File of the keys with which clients must log on, in the form of the gateway's: `KEY_ID SECRET [NOT_BEFORE
    [NOT_AFTER]]`; readable by its owner alone, and read again when it changes. Empty: nobody needs to."""
    messages_a_request_max: Annotated[int, Field(ge=1, le=MESSAGES_A_REQUEST_MAX)] = MESSAGES_A_REQUEST_MAX
    connections_max: Annotated[int, Field(ge=1, le=10_000)] = 1024
    connections_a_client_max: Annotated[int, Field(ge=1, le=10_000)] = 64
    """A client is a source address."""
    requests_a_second: _Allowed = 320
    requests_a_minute: _Allowed = 1_500
    requests_a_day: _Allowed = 100_000
    messages_a_second: _Allowed = 0
    messages_a_minute: _Allowed = 0
    messages_a_day: _Allowed = 0
    """Unlike those of requests, without limit by default: a client that joins late may want the whole day at once."""
    entitlements: Annotated[tuple[Entitlement, ...], Field(max_length=4096)] = ()
    """Who may ask; none given: everybody, for everything."""

    @model_validator(mode="after")
    def _a_request_fits(self) -> Recovery:
        for key in ("messages_a_second", "messages_a_minute", "messages_a_day"):
            if 0 < getattr(self, key) < self.messages_a_request_max:
                raise ValueError(f"{key} is below messages_a_request_max: such a request would never be granted")
        if not self.keys_file and any(row.key for row in self.entitlements):
            raise ValueError("entitlements name a key, but there is no keys_file")
        return self
