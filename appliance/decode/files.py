"""The three kinds of file that `pitwire decode` reads, as items: captures, journals, feed stores."""

from __future__ import annotations

import ipaddress
import mmap
import struct
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from appliance.decode.item import Item, uuid_text
from appliance.decode.payload import PayloadDecoder
from native import layout
from wire.capture import LINK_TYPE_ETHERNET, Capture, CaptureError, parse_capture
from wire.gen import order_entry_tables
from wire.net.frames import FrameError, parse_udp_frame

Data = bytes | mmap.mmap

_MAGIC = struct.Struct("<Q")
_ENTRY = struct.Struct("<QII")
assert _ENTRY.size == layout.FEED_ENTRY.itemsize


class DecodeFileError(ValueError):
    """A file that cannot be decoded, or not to its end; the message is `file: sentence`."""


def read_file(path: str) -> Data:
    """The bytes of a file, mapped where that is possible; `-` is standard input. Raises OSError."""
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as stream:
        if Path(path).is_file() and Path(path).stat().st_size:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return stream.read()


def items_of(data: Data, file: str, decoder: PayloadDecoder) -> Iterator[Item]:
    """Every message or record of a file. What is whole is given first; then DecodeFileError where the file is not."""
    magic = _MAGIC.unpack_from(data)[0] if len(data) >= _MAGIC.size else 0
    if magic == layout.JOURNAL_MAGIC:
        yield from journal_items(data, file)
    elif magic == layout.FEED_MAGIC:
        yield from feed_items(data, file, decoder)
    else:
        try:
            capture = parse_capture(data, file=file, keep_whole=True)
        except CaptureError as error:
            if error.offset == 0:
                raise DecodeFileError(f"{file}: This is no capture, journal or feed store.") from None
            raise DecodeFileError(str(error)) from None
        yield from capture_items(capture, decoder)
        if capture.error is not None:
            raise DecodeFileError(str(capture.error))


def capture_items(capture: Capture, decoder: PayloadDecoder) -> Iterator[Item]:
    """The messages of each packet; frames that are no UDP over IPv4 are given as unknown, with the reason."""
    for number, packet in enumerate(capture, 1):
        place: dict[str, Any] = {"packet": number, "time_ns": packet.time_ns}
        if packet.comment:
            place["comment"] = packet.comment
        if capture.interfaces[packet.interface].link_type != LINK_TYPE_ETHERNET:
            yield Item(place, problem="The link type is not Ethernet.", octets=packet.data)
            continue
        try:
            frame = parse_udp_frame(packet.data)
        except FrameError as error:
            yield Item(place, problem=str(error), octets=packet.data)
            continue
        place |= {"from": str(frame.source), "to": str(frame.destination)}
        if frame.vlan_tci is not None:
            place["vlan"] = frame.vlan_tci & 0xFFF
        yield from decoder.items(frame.payload, place)


# --- the journal ------------------------------------------------------------------------------------------------


def _names(table: Mapping[str, Any], prefix: str) -> dict[int, str]:
    return {value: name[len(prefix) :] for name, value in table.items() if name.startswith(prefix)}


_KINDS = _names({name: value for name, value in vars(layout).items() if name != "KIND_OF_THE_BOOK_MAX"}, "KIND_")
_FLAGS = _names(vars(layout), "COMMAND_")
_ENUMS = {
    "side": _names(vars(order_entry_tables), "Side_"),
    "ord_type": _names(vars(order_entry_tables), "OrdType_"),
    "time_in_force": _names(vars(order_entry_tables), "TimeInForce_"),
    "stp_instruction": _names(vars(order_entry_tables), "STPInstruction_"),
}
_PHASES = _names(vars(layout), "PHASE_")
# what a mass cancel has in fields of other names: appliance/session/decode.py
_MASS_NAMES = {
    "ord_type": "mass_action_type",
    "time_in_force": "scope",
    "stp_instruction": "ack_style",
    "price_ticks": "above_ticks",
    "stop_price_ticks": "below_ticks",
}
_MASS_ENUMS = {
    "side": _ENUMS["side"],
    "mass_action_type": _names(vars(order_entry_tables), "MassActionType_"),
    "scope": _names(vars(order_entry_tables), "MassActionScope_"),
    "ack_style": _names(vars(order_entry_tables), "AckStyle_"),
    "instrument": {layout.NO_INDEX: "any"},
    "account": {layout.NO_INDEX: "any"},
}
_MISSING = {"price_ticks": layout.COMMAND_PRICE_MISSING, "stop_price_ticks": layout.COMMAND_STOP_PRICE_MISSING}
_HEADER_FIELDS = ("crc32c", "sequence", "length", "kind", "time_ns")


def journal_items(data: Data, file: str) -> Iterator[Item]:
    """The committed records of a journal. Numbers, lengths and, with the native library, the chain of CRCs are checked:
    a record that fails is given as unknown bytes, with what is wrong."""
    header = _header(data, layout.JOURNAL_HEADER, layout.JOURNAL_FORMAT_VERSION, file)
    record_bytes, committed = int(header["record_bytes"]), int(header["committed_records"])
    if record_bytes != layout.SEQUENCED.itemsize:
        raise DecodeFileError(f"{file}: Records have {record_bytes} bytes here, not {layout.SEQUENCED.itemsize}.")
    checksum = _crc32c()
    start = layout.JOURNAL_HEADER.itemsize
    whole = min(committed, (len(data) - start) // record_bytes)
    chain = int(header["epoch"])
    for index in range(whole):
        octets = data[start + index * record_bytes : start + (index + 1) * record_bytes]
        record = np.frombuffer(octets, dtype=layout.SEQUENCED)[0]
        crc = int(record["crc32c"])
        place = {"record": int(record["sequence"]), "time_ns": int(record["time_ns"])}
        problem = ""
        if int(record["sequence"]) != index + 1 or int(record["length"]) != record_bytes:
            problem = f"This should be record {index + 1} with {record_bytes} bytes."
        elif checksum is not None and checksum(octets[4:], chain) != crc:
            problem = "The CRC is not that of the record behind the one before it."
        chain = crc
        yield Item(place, problem=problem, octets=octets) if problem else _record_item(place, record, octets)
    if whole < committed:
        raise DecodeFileError(f"{file}: The header counts {committed} records, the file holds {whole}.")


def _record_item(place: dict[str, Any], record: np.void, octets: bytes) -> Item:
    kind = int(record["kind"])
    if kind == layout.KIND_SESSION_PEER:
        return Item(place, _KINDS[kind], _peer_fields(np.frombuffer(octets, dtype=layout.SESSION_PEER)[0]))
    if kind not in _KINDS:
        return Item(place, problem=f"Records of kind {kind} are not known.", octets=octets)
    if kind == layout.KIND_PHASE:
        phase = int(record["qty_lots"])
        facts = {"instrument": int(record["instrument"]), "phase": _PHASES.get(phase, phase)}
        return Item(place, _KINDS[kind], facts)
    if kind == layout.KIND_TIMER:
        return Item(place, _KINDS[kind])
    is_mass = kind == layout.KIND_MASS_CANCEL
    always = ("instrument", "session", *(_MASS_NAMES if is_mass else ()))
    enums = _MASS_ENUMS if is_mass else _ENUMS
    fields: dict[str, Any] = {}
    for name in layout.SEQUENCED.names or ():
        value = int(record[name])
        if name in _HEADER_FIELDS or (not value and name not in always):
            continue
        if is_mass and value == 0 and int(record["flags"]) & _MISSING.get(name, 0):
            continue
        if name == "flags":
            fields[name] = "|".join(text for bit, text in _FLAGS.items() if value & bit) or value
        else:
            told = _MASS_NAMES.get(name, name) if is_mass else name
            fields[told] = enums.get(told, {}).get(value, value)
    return Item(place, _KINDS[kind], fields)


def _peer_fields(record: np.void) -> dict[str, Any]:
    def mac(value: int) -> str:
        return (value & (1 << 48) - 1).to_bytes(6, "big").hex(":")

    fields: dict[str, Any] = {"session": int(record["session"])}
    for end in ("peer", "local"):
        ip = ipaddress.IPv4Address(int(record[f"{end}_ip"]))
        fields[end] = f"{ip}:{int(record[f'{end}_udp_port'])}"
        fields[f"{end}_mac"] = mac(int(record[f"{end}_mac"]))
    if int(record["vlan_tci"]) != layout.VLAN_NONE:
        fields["vlan"] = int(record["vlan_tci"]) & 0xFFF
    return fields


def _crc32c() -> Any:
    """CRC32C of bytes, begun with another, by the native library; None where that is not built."""
    try:
        from native import _native
    except ImportError:
        return None

    def checksum(octets: bytes, begun_with: int) -> int:
        address = int(_native.ffi.cast("uintptr_t", _native.ffi.from_buffer(octets)))
        return int(_native.lib.crc32c(address, len(octets), begun_with))

    return checksum


# --- the feed store ---------------------------------------------------------------------------------------------


def feed_items(data: Data, file: str, decoder: PayloadDecoder) -> Iterator[Item]:
    """The messages of every packet in a feed store, in the order of publication."""
    header = _header(data, layout.FEED_HEADER, layout.FEED_FORMAT_VERSION, file)
    start, committed = layout.FEED_HEADER.itemsize, int(header["committed_bytes"])
    yield Item(
        {},
        "FeedStore",
        {
            "epoch": int(header["epoch"]),
            "channel": int(header["channel_id"]),
            "topic": uuid_text(header["topic_session_id"].tobytes()),
            "next": int(header["next_sequence"]),
            "closed": int(header["closed"]),
        },
    )
    at, end = start, min(start + committed, len(data))
    while at < end:
        if at + _ENTRY.size > end:
            raise DecodeFileError(f"{file}: byte {at}: The entry is cut short.")
        first, messages, payload_bytes = _ENTRY.unpack_from(data, at)
        packet_at = at + _ENTRY.size
        after = packet_at + payload_bytes + -payload_bytes % 8
        if after > end:
            raise DecodeFileError(f"{file}: byte {at}: {payload_bytes} bytes end beyond what is committed.")
        place = {"entry": first, "messages": messages}
        yield from decoder.items(data[packet_at : packet_at + payload_bytes], place)
        at = after
    if start + committed > len(data):
        raise DecodeFileError(f"{file}: The header counts {committed} bytes, the file holds {len(data) - start}.")


def _header(data: Data, dtype: np.dtype[Any], version: int, file: str) -> np.void:
    if len(data) < dtype.itemsize:
        raise DecodeFileError(f"{file}: The header has {dtype.itemsize} bytes, the file {len(data)}.")
    header: np.void = np.frombuffer(data[: dtype.itemsize], dtype=dtype)[0]
    if int(header["format_version"]) != version:
        raise DecodeFileError(f"{file}: Format version {int(header['format_version'])} is not known, only {version}.")
    return header
