"""The frames of the load generator, complete but for the fields that change from request to request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from appliance.config import demo_session_uuid
from bench.wire.generator import (
    BLOCK_AT,
    TEMPLATE_BYTES,
    TEMPLATE_CANCEL,
    TEMPLATE_NEW,
    TEMPLATE_REPLACE,
    TEMPLATES_A_SESSION,
)
from wire.gen import fixp_tables as fixp
from wire.gen import order_entry_tables as oe
from wire.net.frames import Endpoint, build_udp_frame


@dataclass(frozen=True)
class Addresses:
    """The two ends of the orders' way: MAC (low 48 bits, 0 where the port writes its own), IPv4 address, UDP port."""

    client_mac: int
    client_ip: str
    client_udp_port: int
    server_mac: int
    server_ip: str
    server_udp_port: int


def session_uuids(sessions: int) -> list[bytes]:
    """UUIDs of the sessions that send, as they stand on the wire."""
    return [demo_session_uuid(number).bytes for number in range(1, sessions + 1)]


def _header(block_bytes: int, template: int, schema: int, version: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in (block_bytes, template, schema, version))


def _put(block: bytearray, at: int, size: int, value: int) -> None:
    block[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def _blocks(account: int) -> dict[int, tuple[int, bytes]]:
    """Template: (SBE template id, block) with everything that stays the same."""
    new = bytearray(oe.NewOrderShort_BLOCK_LENGTH)
    _put(new, oe.NewOrderShort_Account_OFFSET, 4, account)
    _put(new, oe.NewOrderShort_SelfMatchPreventionID_OFFSET, 4, oe.NewOrderShort_SelfMatchPreventionID_NULL)
    cancel = bytearray(oe.OrderCancelRequest_BLOCK_LENGTH)
    _put(cancel, oe.OrderCancelRequest_OrderID_OFFSET, 8, oe.OrderCancelRequest_OrderID_NULL)
    _put(cancel, oe.OrderCancelRequest_ManualOrderIndicator_OFFSET, 1, oe.OrderCancelRequest_ManualOrderIndicator_NULL)
    replace = bytearray(oe.OrderCancelReplaceRequest_BLOCK_LENGTH)
    for at, size, value in (
        (oe.OrderCancelReplaceRequest_Account_OFFSET, 4, account),
        (oe.OrderCancelReplaceRequest_OrderID_OFFSET, 8, oe.OrderCancelReplaceRequest_OrderID_NULL),
        (oe.OrderCancelReplaceRequest_StopPx_OFFSET, 8, oe.OrderCancelReplaceRequest_StopPx_NULL),
        (oe.OrderCancelReplaceRequest_DisplayQty_OFFSET, 8, oe.OrderCancelReplaceRequest_DisplayQty_NULL),
        (oe.OrderCancelReplaceRequest_OFMOverride_OFFSET, 1, oe.OrderCancelReplaceRequest_OFMOverride_NULL),
    ):
        _put(replace, at, size, value)
    return {
        TEMPLATE_NEW: (oe.NewOrderShort_TEMPLATE_ID, bytes(new)),
        TEMPLATE_CANCEL: (oe.OrderCancelRequest_TEMPLATE_ID, bytes(cancel)),
        TEMPLATE_REPLACE: (oe.OrderCancelReplaceRequest_TEMPLATE_ID, bytes(replace)),
    }


def make_templates(addresses: Addresses, sessions: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(uint8[sessions * TEMPLATES_A_SESSION * TEMPLATE_BYTES], int64[TEMPLATES_A_SESSION] sizes of the frames)."""
    frames = np.zeros((sessions, TEMPLATES_A_SESSION, TEMPLATE_BYTES), np.uint8)
    sizes = np.zeros(TEMPLATES_A_SESSION, np.int64)
    client = Endpoint(addresses.client_mac.to_bytes(6, "big"), _ip(addresses.client_ip), addresses.client_udp_port)
    server = Endpoint(addresses.server_mac.to_bytes(6, "big"), _ip(addresses.server_ip), addresses.server_udp_port)
    context = _header(fixp.Context_BLOCK_LENGTH, fixp.Context_TEMPLATE_ID, fixp.SCHEMA_ID, fixp.SCHEMA_VERSION)
    for row, uuid in enumerate(session_uuids(sessions)):
        for kind, (template, block) in _blocks(account=row + 1).items():
            header = _header(len(block), template, oe.SCHEMA_ID, oe.SCHEMA_VERSION)
            payload = context + uuid + bytes(8) + header + block
            frame = build_udp_frame(payload, client, server, with_udp_checksum=False)  # what it covers changes
            assert frame[BLOCK_AT:] == block
            frames[row, kind, : len(frame)] = np.frombuffer(frame, np.uint8)
            sizes[kind] = len(frame)
    return frames.reshape(-1), sizes


def _ip(text: str) -> bytes:
    return bytes(int(part) for part in text.split("."))
