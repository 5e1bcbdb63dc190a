"""Records of the log about FIXP sessions (native/session_layout.py) as fields for people."""

from __future__ import annotations

import ipaddress
import uuid
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from native import layout, session_layout
from wire.gen import fixp_tables


def _names(prefix: str, module: Any) -> dict[int, str]:
    return {value: name[len(prefix) :] for name, value in vars(module).items() if name.startswith(prefix)}


_TERMINATION: Final = _names("TerminationCode_", fixp_tables)
_FLOWS: Final = _names("FlowType_", fixp_tables)
_LOST: Final = _names("SESSION_LOST_", session_layout)
_FINISHED: Final = _names("FINISHED_", session_layout)
_CANCEL: Final = _names("CANCEL_ON_", session_layout)
_FROM: Final = 1 << 64


def _mac(value: int) -> str:
    return (value & (1 << 48) - 1).to_bytes(6, "big").hex(":")


def address_fields(record: np.void) -> dict[str, Any]:
    """Both ends of a record that has them as SESSION_PEER does."""
    fields: dict[str, Any] = {}
    for end in ("peer", "local"):
        ip = ipaddress.IPv4Address(int(record[f"{end}_ip"]))
        fields[end] = f"{ip}:{int(record[f'{end}_udp_port'])}"
        fields[f"{end}_mac"] = _mac(int(record[f"{end}_mac"]))
    if int(record["vlan_tci"]) != layout.VLAN_NONE:
        fields["vlan"] = int(record["vlan_tci"]) & 0xFFF
    return fields


def _handshake(record: np.void) -> dict[str, Any]:
    words = (int(record[name]) % _FROM for name in ("uuid_low", "uuid_high"))
    fields: dict[str, Any] = {
        "session": int(record["session"]),
        "session_id": str(uuid.UUID(bytes=b"".join(word.to_bytes(8, "little") for word in words))),
        "timestamp_ns": int(record["timestamp_ns"]),
    }
    if int(record["connection"]):
        return fields | {"connection": int(record["connection"])}
    return fields | address_fields(record)


def _negotiate(octets: bytes) -> dict[str, Any]:
    record = np.frombuffer(octets, session_layout.NEGOTIATE)[0]
    flow = int(record["client_flow"])
    return _handshake(record) | {"client_flow": _FLOWS.get(flow, flow)}


def _establish(octets: bytes) -> dict[str, Any]:
    record = np.frombuffer(octets, session_layout.ESTABLISH)[0]
    fields = _handshake(record) | {"keepalive_ms": int(record["keepalive_ms"])}
    if int(record["has_next_seq"]):
        fields["next_seq"] = int(record["next_seq"])
    cancel_type = int(record["cancel_type"])
    if cancel_type:
        gtc_stay = cancel_type & session_layout.CANCEL_SPARES_GTC
        fields["cancel_on"] = _CANCEL.get(cancel_type - gtc_stay, cancel_type)
        fields |= {"gtc_stay": 1} if gtc_stay else {}
        fields["cancel_window_ms"] = int(record["cancel_window_ms"])
    return fields


def _about(octets: bytes) -> tuple[np.void, dict[str, Any]]:
    record = np.frombuffer(octets, session_layout.SESSION_INPUT)[0]
    return record, {"session": int(record["session"]), "generation": int(record["generation"])}


def _terminate(octets: bytes) -> dict[str, Any]:
    record, fields = _about(octets)
    code = int(record["code"])
    return fields | {"code": _TERMINATION.get(code, code)}


def _lost(octets: bytes) -> dict[str, Any]:
    record, fields = _about(octets)
    code = int(record["code"])
    return fields | {"cause": _LOST.get(code, code)}


def _retransmit(octets: bytes) -> dict[str, Any]:
    record, fields = _about(octets)
    return fields | {name: int(record[name]) for name in ("timestamp_ns", "number", "count")}


def _finished(octets: bytes) -> dict[str, Any]:
    record, fields = _about(octets)
    code, last = int(record["code"]), int(record["number"])
    fields["which"] = _FINISHED.get(code, code)
    if code == session_layout.FINISHED_SENDING and last != fixp_tables.FinishedSending_LastSeqNo_NULL % _FROM:
        fields["last_seq"] = last
    return fields


def _query(octets: bytes) -> dict[str, Any]:
    record = np.frombuffer(octets, layout.SEQUENCED)[0]
    fields = {"session": int(record["session"]), "session_seq": int(record["session_seq"])}
    fields |= {"template": int(record["ord_type"]), "request_id": int(record["orig_cl_ord_id"])}
    return fields | {name: int(record[name]) for name in ("cl_ord_id", "order_id") if int(record[name])}


SESSION_RECORDS: Final[dict[int, Callable[[bytes], dict[str, Any]]]] = {
    layout.KIND_NEGOTIATE: _negotiate,
    layout.KIND_ESTABLISH: _establish,
    layout.KIND_TERMINATE: _terminate,
    layout.KIND_SESSION_LOST: _lost,
    layout.KIND_RETRANSMIT_REQUEST: _retransmit,
    layout.KIND_FINISHED: _finished,
    layout.KIND_STATUS_QUERY: _query,
}
"""The fields of a record, from its 128 bytes, by kind."""
