"""The walk over a message: every extent is proved to lie in the buffer before anything in it is read.

Counts and lengths come from the wire and are not trusted: products are made in Python's integers, which do not wrap,
and an entry without bytes cannot make the walk spin.

Groups and data that a newer version added stand between or after those that the schema knows. They can be skipped
where header and dimensions carry numGroups and numVarDataFields; else the walk knows nothing of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from wire.sbe import refusals
from wire.sbe.plan import BodyPlan, CounterPlan, DataPlan, DimensionPlan, GroupPlan
from wire.sbe.refusals import DecodeError
from wire.sbe.values import DataValue, Entries, Entry

EMPTY_ENTRIES_MAX = 65535
"""Entries of a group whose entries have no bytes at all; the buffer does not bound them."""
UNKNOWN_DEPTH_MAX = 16
"""Groups in groups that the schema does not know."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """How groups and data that the schema does not know are taken to look: like those that it knows."""

    dimension: DimensionPlan | None
    data: DataPlan | None


@dataclass(frozen=True, slots=True)
class Walk:
    """One message's buffer, the offset after its last byte, the acting version."""

    data: Any
    end: int
    version: int
    unknown: Unknown | None
    """None: the message is not newer than the schema."""

    def body(self, entry: Entry, plan: BodyPlan, at: int, groups: int, data: int) -> int:
        """Fill in the groups and data behind a block that ends at `at`; the offset after them.

        `groups` and `data` are what header or dimension announce (0 where they say nothing). Raises `DecodeError`.
        """
        for group in plan.groups:
            if group.since <= self.version:
                entry._groups[group.name], at = self._group(entry, group, at)
        if self.unknown is not None:
            for _ in range(groups - len(plan.groups)):
                at = self._skip_group(at, 0)
        for item in plan.data:
            if item.since <= self.version:
                entry._data[item.name], at = self._data(item, at)
        if self.unknown is not None and self.unknown.data is not None:
            for _ in range(data - len(plan.data)):
                at = self._data(self.unknown.data, at)[1]
        return at

    def announced(self, groups: CounterPlan | None, data: CounterPlan | None, at: int) -> tuple[int, int]:
        """What the header or dimension at `at` says about the number of groups and data fields."""
        if self.unknown is None:
            return 0, 0
        return (groups.read(self.data, at) if groups else 0), (data.read(self.data, at) if data else 0)

    def _dimension(self, dimension: DimensionPlan, name: str, at: int) -> tuple[int, int, int]:
        """(bytes of a block, entries, offset of the first) of the group whose dimension stands at `at`."""
        if at + dimension.size > self.end:
            raise DecodeError(refusals.TRUNCATED_DIMENSION, f"The dimension of the group {name} is cut off.", at)
        block_length = dimension.block_length.read(self.data, at)
        count = dimension.count.read(self.data, at)
        counter = dimension.count.counter
        if not counter.minimum <= count <= counter.maximum:
            raise DecodeError(
                refusals.COUNT_OUT_OF_RANGE,
                f"The group {name} has {count} entries; {counter.minimum} to {counter.maximum} are allowed.",
                at,
            )
        start = at + dimension.size
        if start + block_length * count > self.end:
            raise DecodeError(
                refusals.GROUP_OVERRUN,
                f"The group {name} says {count} entries of {block_length} bytes; {self.end - start} bytes are left.",
                at,
            )
        return block_length, count, start

    def _group(self, parent: Entry, group: GroupPlan, at: int) -> tuple[Entries, int]:
        dimension, body = group.dimension, group.body
        block_length, count, start = self._dimension(dimension, group.name, at)
        groups, data = self.announced(dimension.group_count, dimension.data_count, at)
        if body.is_fixed_in(self.version) and not groups and not data:
            if block_length == 0 and count > 0:
                if body.length_in(self.version) > 0:
                    raise DecodeError(
                        refusals.STRIDE_ZERO, f"The group {group.name} says {count} entries of 0 bytes.", at
                    )
                _bound_empty_entries(group.name, count, at)
            entries = Entries(body, self.data, start, block_length, count, self.version, parent, None)
            return entries, start + block_length * count
        position = start
        items: list[Entry] = []
        for index in range(count):
            if position + block_length > self.end:
                raise DecodeError(
                    refusals.GROUP_OVERRUN, f"Entry {index} of the group {group.name} is cut off.", position
                )
            raw = body.block.unpack(self.data, position, block_length, self.version)
            item = Entry(body, raw, self.version, {}, {}, parent)
            position = self.body(item, body, position + block_length, groups, data)
            items.append(item)
            if position == start:
                _bound_empty_entries(group.name, count, at)
        return Entries(body, self.data, start, block_length, count, self.version, parent, items), position

    def _data(self, item: DataPlan, at: int) -> tuple[DataValue, int]:
        if at + item.size > self.end:
            raise DecodeError(refusals.TRUNCATED_LENGTH, f"The length of {item.name} is cut off.", at)
        length = item.length.read(self.data, at)
        start = at + item.size
        if start + length > self.end:
            raise DecodeError(
                refusals.DATA_OVERRUN, f"{item.name} says {length} bytes; {self.end - start} bytes are left.", at
            )
        counter = item.length.counter
        if not counter.minimum <= length <= counter.maximum:
            raise DecodeError(
                refusals.LENGTH_OUT_OF_RANGE,
                f"{item.name} says {length} bytes; {counter.minimum} to {counter.maximum} are allowed.",
                at,
            )
        return DataValue(bytes(self.data[start : start + length]), item.character_encoding), start + length

    def _skip_group(self, at: int, depth: int) -> int:
        """The offset after a group that the schema does not know; `at` itself where its dimension is not known."""
        assert self.unknown is not None
        dimension = self.unknown.dimension
        if dimension is None:
            return at
        if depth > UNKNOWN_DEPTH_MAX:
            raise DecodeError(refusals.GROUP_OVERRUN, "Unknown groups are nested too deep.", at)
        block_length, count, start = self._dimension(dimension, "that the schema does not know", at)
        groups, data = self.announced(dimension.group_count, dimension.data_count, at)
        if not groups and not data:
            return start + block_length * count
        position = start
        for _ in range(count):
            position += block_length
            for _ in range(groups):
                position = self._skip_group(position, depth + 1)
            for _ in range(data if self.unknown.data is not None else 0):
                position = self._data(self.unknown.data, position)[1]  # type: ignore[arg-type]
            if position == start:
                break
        return position


def _bound_empty_entries(name: str, count: int, at: int) -> None:
    if count > EMPTY_ENTRIES_MAX:
        raise DecodeError(
            refusals.GROUP_OVERRUN,
            f"The group {name} says {count} entries without bytes; {EMPTY_ENTRIES_MAX} are allowed.",
            at,
        )


def unknown_parts(bodies: list[BodyPlan]) -> Unknown:
    """The first dimension that counts what is nested in it, and the first data: what unknown ones are taken for."""
    dimension: DimensionPlan | None = None
    data: DataPlan | None = None
    pending = list(bodies)
    while pending:
        body = pending.pop(0)
        for group in body.groups:
            if dimension is None and group.dimension.group_count and group.dimension.data_count:
                dimension = group.dimension
            pending.append(group.body)
        if data is None and body.data:
            data = body.data[0]
    return Unknown(dimension, data)
