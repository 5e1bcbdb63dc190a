"""Snapshot packets, the slow way: messages by the interpreting codec, one packet after the other."""

from __future__ import annotations

from typing import Any

from wire.blocks import schema
from wire.framing import packets

MARKET_DATA = schema("market_data")
PACKET_BYTES_MAX = 1400
NOT_TOLD = 255


def snapshot_packets(head: dict[str, int], entries: list[dict[str, int]]) -> list[bytes]:
    """The packets of one instrument, from the fields of SNAPSHOT_HEAD and SNAPSHOT_ENTRY."""
    frames = [packets.frame(message) for message in _messages(head, entries)]
    grouped: list[list[bytes]] = [[]]
    for frame in frames:
        size = packets.HEADER_BYTES + sum(map(len, grouped[-1])) + len(frame)
        if size > PACKET_BYTES_MAX or len(grouped[-1]) == packets.MESSAGES_A_PACKET_MAX:
            grouped.append([])
        grouped[-1].append(frame)
    return [_packet(head, head["instrument_id"], group) for group in grouped]


def end_of_cycle(head: dict[str, int], instrument_count: int) -> bytes:
    """The packet that ends a cycle."""
    message = MARKET_DATA.encode(
        "EndOfCycle",
        ActiveInstrumentCount=instrument_count,
        ExtEpoch=head["epoch"],
        ExtAsOfSequence=head["as_of_sequence"],
    )
    return _packet(head, 0, [packets.frame(message)])


def _packet(head: dict[str, int], instrument_id: int, frames: list[bytes]) -> bytes:
    header = packets.PacketHeader(
        head["sending_time_ns"], head["as_of_sequence"], head["channel_id"], packets.FLAG_SNAPSHOT, len(frames),
        instrument_id,
    )  # fmt: skip
    return packets.pack_header(header) + b"".join(frames)


def _messages(head: dict[str, int], entries: list[dict[str, int]]) -> list[bytes]:
    status = None if head["trading_status"] == NOT_TOLD else head["trading_status"]
    start: dict[str, Any] = {
        "InstrumentId": head["instrument_id"],
        "InstrSeqNum": head["instr_sequence"],
        "AsOfSequence": head["as_of_sequence"],
        "TransactTime": head["transact_time_ns"],
        "Epoch": head["epoch"],
        "EntryCount": len(entries),
        "TradingSessionDate": head["trading_session_date"],
        "TradingStatus": status,
    }
    found = [MARKET_DATA.encode("SnapshotStart", **start)]
    for number, entry in enumerate(entries, 1):
        found.append(_level(number, entry) if head["is_levels"] else _order(number, entry))
    same = {name: start[name] for name in ("AsOfSequence", "InstrumentId", "EntryCount")}
    return [*found, MARKET_DATA.encode("SnapshotEnd", **same)]


def _order(number: int, entry: dict[str, int]) -> bytes:
    return MARKET_DATA.encode(
        "OrderSnapshot",
        SnapshotSeqNum=number % 65536,
        Quantity=entry["qty_lots"],
        TransactTime=entry["transact_time_ns"],
        OrderId=entry["order_id"],
        Price=entry["price_nanos"],
        ExtPriority=entry["priority"],
        ExtSide=entry["side"],
    )


def _level(number: int, entry: dict[str, int]) -> bytes:
    return MARKET_DATA.encode(
        "PriceLevelSnapshot",
        SnapshotSeqNum=number % 65536,
        Price=entry["price_nanos"],
        AggregateQty=entry["qty_lots"],
        NumberOfOrders=entry["orders"],
        InstrSide=entry["side"],
    )
