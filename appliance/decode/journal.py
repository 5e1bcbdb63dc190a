"""The log as items: segments of shared memory, of a disk, archived ones, or a folder of them.

Here nothing is refused that can be shown: each record stands for itself, and one that is damaged is given as unknown
bytes with what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from appliance.decode.item import Item
from appliance.decode.session_records import SESSION_RECORDS, address_fields
from native import account_layout, layout, log_layout
from wire.gen import order_entry_tables

ZSTD_MAGIC: Final = bytes.fromhex("28b52ffd")
_RECORD_BYTES = layout.SEQUENCED.itemsize


class DecodeFileError(ValueError):
    """A file that cannot be decoded, or not to its end; the message is `file: sentence`."""


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
_ACTIONS = _names(vars(account_layout), "ADMIN_")
_LIMITS = {value: name.lower() for value, name in _names(vars(account_layout), "LIMIT_").items()}
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


def log_items(folder: Path) -> Iterator[Item]:
    """The records of the log in a folder: shared memory of an instance, or `journal.directory`."""
    from appliance.journal.control import read_control
    from appliance.journal.files import LocalFiles
    from appliance.journal.records import JournalError
    from appliance.journal.scan import find_segments

    committed: int | None = None
    try:
        segments = find_segments(LocalFiles(), folder)
        if segments and segments[-1].header.form == log_layout.JOURNAL_FORM_MEMORY:
            committed = int(read_control(folder)["committed_records"])
    except JournalError as error:
        raise DecodeFileError(str(error)) from None
    if not segments:
        raise DecodeFileError(f"{folder}: This folder has no segments of a log (journal.000001 and so on).")
    for index, segment in enumerate(segments):
        stop = segments[index + 1].header.first_sequence if index + 1 < len(segments) else None
        if committed is not None:
            stop = min(committed + 1, stop or committed + 1)
        yield from journal_items(segment.path.read_bytes(), str(segment.path), stop)


def journal_items(data: Any, file: str, stop: int | None = None) -> Iterator[Item]:
    """The records of one segment, up to number `stop`. Numbers, lengths and the chain of CRCs are checked."""
    from appliance.journal.records import HEADER_BYTES, JournalError, crc32c, read_header

    if data[:4] == ZSTD_MAGIC:
        data = _unpacked(file)
    try:
        header = read_header(data[:HEADER_BYTES], file)
    except JournalError as error:
        raise DecodeFileError(str(error)) from None
    chain, number = header.chain_crc32c, header.first_sequence
    for octets in _blocks(data) if header.form == log_layout.JOURNAL_FORM_DISK else _back_to_back(data):
        if stop is not None and number >= stop:
            return
        record = np.frombuffer(octets, dtype=layout.SEQUENCED)[0]
        place = {"record": int(record["sequence"]), "time_ns": int(record["time_ns"])}
        problem = ""
        if int(record["sequence"]) != number or int(record["length"]) != _RECORD_BYTES:
            problem = f"This should be record {number} with {_RECORD_BYTES} bytes."
        elif crc32c(octets[4:], chain) != int(record["crc32c"]):
            problem = "The CRC is not that of the record behind the one before it."
        chain, number = int(record["crc32c"]), number + 1
        yield Item(place, problem=problem, octets=octets) if problem else _record_item(place, record, octets)
    if stop is not None and number < stop:
        raise DecodeFileError(f"{file}: The log has records up to {stop - 1}, the file up to {number - 1}.")


def _unpacked(file: str) -> bytes:
    """The content of an archived segment."""
    from appliance.journal.archive import read_whole
    from appliance.journal.files import LocalFiles
    from appliance.journal.records import JournalError

    try:
        return read_whole(LocalFiles(), Path(file))
    except JournalError as error:
        raise DecodeFileError(str(error)) from None


def _back_to_back(data: Any) -> Iterator[bytes]:
    """The records behind the header, without the unwritten ones at the end."""
    body = np.frombuffer(data, np.uint8)[log_layout.JOURNAL_SEGMENT.itemsize :]
    records = body[: body.size // _RECORD_BYTES * _RECORD_BYTES].reshape(-1, _RECORD_BYTES)
    written = np.flatnonzero(records.any(axis=1))
    for index in range(int(written[-1]) + 1 if written.size else 0):
        yield records[index].tobytes()


def _blocks(data: Any) -> Iterator[bytes]:
    """The records in the blocks behind the header."""
    size = log_layout.JOURNAL_BLOCK_BYTES
    for at in range(log_layout.JOURNAL_SEGMENT.itemsize, len(data), size):
        block = bytes(data[at : at + size])
        count = int.from_bytes(block[4:6], "little")
        for place in range(1, min(count, log_layout.JOURNAL_BLOCK_RECORDS) + 1):
            octets = block[place * _RECORD_BYTES : (place + 1) * _RECORD_BYTES]
            if len(octets) == _RECORD_BYTES:
                yield octets


def _record_item(place: dict[str, Any], record: np.void, octets: bytes) -> Item:
    kind = int(record["kind"])
    if kind == layout.KIND_SESSION_PEER:
        peer = np.frombuffer(octets, dtype=layout.SESSION_PEER)[0]
        return Item(place, _KINDS[kind], {"session": int(peer["session"])} | address_fields(peer))
    if kind in SESSION_RECORDS:
        return Item(place, _KINDS[kind], SESSION_RECORDS[kind](octets))
    if kind == layout.KIND_ADMIN:
        return Item(place, _KINDS[kind], _admin_fields(np.frombuffer(octets, dtype=account_layout.ADMIN)[0]))
    if kind not in _KINDS:
        return Item(place, problem=f"Records of kind {kind} are not known.", octets=octets)
    if kind == layout.KIND_PHASE:
        phase = int(record["qty_lots"])
        facts = {"instrument": int(record["instrument"]), "phase": _PHASES.get(phase, phase)}
        return Item(place, _KINDS[kind], facts)
    if kind in (layout.KIND_TIMER, layout.KIND_NEW_DAY, layout.KIND_DAY_END):
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


def _admin_fields(record: np.void) -> dict[str, Any]:
    """Who made an operator's command, and what it names."""
    operator = bytes(record["operator"]).rstrip(b"\0").decode("ascii", "replace")
    fields: dict[str, Any] = {"action": _ACTIONS.get(int(record["action"]), int(record["action"])), "by": operator}
    if fields["action"] == "SET_LIMIT":
        fields["limit"] = _LIMITS.get(int(record["limit"]), int(record["limit"]))
    for name in ("firm", "account", "instrument", "asset", "session"):
        if int(record[name]) != layout.NO_INDEX:
            fields[name] = int(record[name])
    return fields | {name: int(record[name]) for name in ("value", "value2", "request") if record[name]}
