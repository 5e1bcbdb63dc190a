"""Snapshots of instruments, put together from their packets in any order, from any number of lines. Sans I/O.

A snapshot is SnapshotStart, EntryCount entries numbered 1, 2, 3, ... modulo 65536, SnapshotEnd (PROTOCOLS 3.4). Each of
its packets names the instrument and the number of the last message that it reflects, so packets of two snapshots are
never mixed, and what one line lost another may bring.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wire.blocks import BlockError, schema
from wire.framing import packets

MARKET_DATA: Final = schema("market_data")
ENTRIES_MAX: Final = 1 << 20
OPEN_BYTES_MAX: Final = 256 << 20
"""Held of snapshots that are not whole, all together."""
OPEN_BYTES: Final = 512
"""What one of them takes without its packets, about."""
OLDER_STARTS_MAX: Final = 3
_WRAP: Final = 1 << 16
_ENTRIES: Final = {MARKET_DATA[name].template_id: MARKET_DATA[name] for name in ("OrderSnapshot", "PriceLevelSnapshot")}
_START: Final = MARKET_DATA["SnapshotStart"].template_id
_END: Final = MARKET_DATA["SnapshotEnd"].template_id
_END_OF_CYCLE: Final = MARKET_DATA["EndOfCycle"].template_id
_FRAME: Final = struct.Struct("<HHHHH")
"""frameHeader and messageHeader: FrameLength, blockLength, templateId, schemaId, version."""
_SNAPSHOT_SEQ_NUM: Final = struct.Struct("<H")
assert all(block.offsets["SnapshotSeqNum"] == 0 for block in _ENTRIES.values())


class SnapshotEntry(NamedTuple):
    """An order, or a price level (`order_id` 0); side 1 bid, -1 offer, price in 1e-9."""

    side: int
    price_nanos: int
    qty_lots: int
    orders: int
    order_id: int
    priority: int
    is_order: bool


class SnapshotPart(NamedTuple):
    """Entries that follow each other in a packet: so many frames in `packet[at:end]`, each of them checked."""

    packet: bytes
    at: int
    end: int
    entries: int


class InstrumentSnapshot(NamedTuple):
    """One instrument as it was after message `as_of_sequence` of `epoch`; `parts` has its entries, still encoded."""

    security_id: int
    epoch: int
    as_of_sequence: int
    instrument_sequence: int
    transact_time_ns: int
    trading_status: int | None
    entry_count: int
    parts: tuple[SnapshotPart, ...]
    """In the order of the entries."""

    def entries(self) -> Iterator[SnapshotEntry]:
        """The entries: bids best first, then offers best first, each price in queue order."""
        for part in self.parts:
            at = part.at
            for _ in range(part.entries):
                frame_bytes = _FRAME.unpack_from(part.packet, at)[0]
                block, values, _ = MARKET_DATA.decode(part.packet, at + 2, at + frame_bytes)
                at += frame_bytes
                if block.name == "OrderSnapshot":
                    price, lots = values.Price, values.Quantity
                    yield SnapshotEntry(values.ExtSide, price, lots, 1, values.OrderId, values.ExtPriority, True)
                else:
                    price, lots, orders = values.Price, values.AggregateQty, values.NumberOfOrders
                    yield SnapshotEntry(values.InstrSide, price, lots, orders, 0, 0, False)


class CycleEnd(NamedTuple):
    """Every instrument was told once: how many, of which epoch, the lowest number that one of them reflects."""

    instruments: int
    epoch: int
    as_of_sequence: int


@dataclass
class _Assembly:
    as_of_sequence: int
    start: Any = None
    parts: dict[int, SnapshotPart] = field(default_factory=dict)
    """By the number of the first entry."""
    entries: int = 0
    last: int = 0
    """The highest number that has come."""
    octets: int = OPEN_BYTES
    """What it takes, about."""
    older_starts: int = 0
    """Snapshots with lower numbers that have begun since it got something."""


@dataclass
class SnapshotAssembler:
    """Takes snapshot packets, gives whole snapshots: one for each line that brings it whole.

    Of each instrument it keeps the newest that is not whole yet; but one whose number is from nowhere (a damaged
    packet) gives way when others, of lower numbers, begin and begin again. Where there is no room, what is held longest
    gives way.
    """

    entries_max: int = ENTRIES_MAX
    open_bytes_max: int = OPEN_BYTES_MAX
    packets_bad: int = 0
    last_fault: str = ""
    _open: dict[int, _Assembly] = field(default_factory=dict)
    _open_bytes: int = 0

    def receive(self, packet: bytes) -> list[InstrumentSnapshot | CycleEnd]:
        """What `packet` completes. Damaged packets are counted and change nothing else."""
        try:
            header = packets.parse_header(packet)
            if not header.flags & packets.FLAG_SNAPSHOT:
                raise packets.PacketError("It is no packet of a snapshot.")
            return self._take(packet, header)
        except (packets.PacketError, BlockError) as error:
            self.packets_bad += 1
            self.last_fault = str(error)
            return []

    def forget(self) -> None:
        """Nothing of what came so far counts: the publisher numbers anew."""
        self._open.clear()
        self._open_bytes = 0

    def _drop(self, security_id: int) -> None:
        self._open_bytes -= self._open.pop(security_id).octets

    def _begin(self, security_id: int, as_of: int) -> _Assembly:
        if security_id in self._open:
            self._drop(security_id)
        assembly = self._open[security_id] = _Assembly(as_of)
        self._open_bytes += assembly.octets
        return assembly

    def _take(self, packet: bytes, header: packets.PacketHeader) -> list[InstrumentSnapshot | CycleEnd]:
        at, end = packets.HEADER_BYTES, len(packet)
        start: Any = None
        found: list[InstrumentSnapshot | CycleEnd] = []
        runs: list[SnapshotPart] = []
        is_snapshot = False
        left = header.message_count
        while left:
            left -= 1
            if at + _FRAME.size > end:
                raise packets.PacketError("A frame of a snapshot is cut short.")
            frame_bytes, block_bytes, template_id, schema_id, _ = _FRAME.unpack_from(packet, at)
            if frame_bytes < _FRAME.size + block_bytes or at + frame_bytes > end or schema_id != MARKET_DATA.schema_id:
                raise packets.PacketError("A frame of a snapshot is longer than its packet, or of another schema.")
            entry = _ENTRIES.get(template_id)
            if entry is None:
                is_snapshot |= template_id in (_START, _END)
                if template_id == _START:
                    start = _values(packet, at + 2, at + frame_bytes, optional="TradingStatus")
                elif template_id == _END_OF_CYCLE:
                    cycle = _values(packet, at + 2, at + frame_bytes)
                    found.append(CycleEnd(cycle.ActiveInstrumentCount, cycle.ExtEpoch, cycle.ExtAsOfSequence))
                at += frame_bytes
                continue
            if block_bytes < entry.size:
                raise BlockError(f"A block of {entry.name} lacks fields.")
            begin, heads = at, packet[at : at + _FRAME.size]
            at += frame_bytes
            while left and at + frame_bytes <= end and packet.startswith(heads, at):  # the usual case: all alike
                at += frame_bytes
                left -= 1
            runs.append(SnapshotPart(packet, begin, at, (at - begin) // frame_bytes))
        if is_snapshot or runs:
            found += self._instrument(header, start, runs)
        return found

    def _instrument(
        self, header: packets.PacketHeader, start: Any, runs: list[SnapshotPart]
    ) -> list[InstrumentSnapshot | CycleEnd]:
        security_id, as_of = header.epoch, header.sequence  # a snapshot has the instrument in the epoch's place
        assembly = self._open.get(security_id)
        if assembly is not None and as_of < assembly.as_of_sequence:
            assembly.older_starts += start is not None
            if assembly.older_starts < OLDER_STARTS_MAX:
                return []
            assembly = None
        if assembly is None or as_of != assembly.as_of_sequence:
            assembly = self._begin(security_id, as_of)
        assembly.older_starts = 0
        if start is not None:
            if start.EntryCount > self.entries_max or start.InstrumentId != security_id:
                raise BlockError(
                    f"A snapshot of {security_id} says {start.EntryCount} entries of {start.InstrumentId}."
                )
            assembly.start = start
        for run in runs:
            number = self._number(assembly, *_SNAPSHOT_SEQ_NUM.unpack_from(run.packet, run.at + _FRAME.size))
            if number is not None and number not in assembly.parts and assembly.entries < self.entries_max:
                assembly.parts[number] = run
                assembly.entries += run.entries
                assembly.last = max(assembly.last, number + run.entries - 1)
                assembly.octets += len(run.packet)
                self._open_bytes += len(run.packet)
        while self._open_bytes > self.open_bytes_max:
            self._drop(next(iter(self._open)))
        if security_id not in self._open:
            raise BlockError(f"There is no room for the snapshot of instrument {security_id}.")
        return self._whole(security_id, assembly)

    @staticmethod
    def _number(assembly: _Assembly, wrapped: int) -> int | None:
        """The entry's number, from its low 16 bits and what has come so far; None: it cannot be one."""
        ahead = (wrapped - assembly.last + _WRAP // 2) % _WRAP - _WRAP // 2
        number = assembly.last + ahead
        return number if number >= 1 else None

    def _whole(self, security_id: int, assembly: _Assembly) -> list[InstrumentSnapshot | CycleEnd]:
        start = assembly.start
        if start is None or assembly.entries < start.EntryCount:
            return []
        self._drop(security_id)
        parts, number = [], 1
        while number in assembly.parts:
            parts.append(assembly.parts[number])
            number += assembly.parts[number].entries
        if number != start.EntryCount + 1 or len(parts) != len(assembly.parts):
            raise BlockError(f"The snapshot of instrument {security_id} is not numbered 1 to {start.EntryCount}.")
        return [
            InstrumentSnapshot(
                security_id,
                start.Epoch,
                start.AsOfSequence,
                start.InstrSeqNum,
                start.TransactTime,
                start.TradingStatus,
                start.EntryCount,
                tuple(parts),
            )
        ]


def _values(packet: bytes, start: int, end: int, optional: str = "") -> Any:
    """The fields of a message. Raises BlockError where one of them is missing that has to be there."""
    block, values, _ = MARKET_DATA.decode(packet, start, end)
    if any(value is None for name, value in zip(block.names, values, strict=True) if name != optional):
        raise BlockError(f"A block of {block.name} lacks fields.")
    return values
