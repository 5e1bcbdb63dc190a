"""Blocks prepared for reading and writing: one `struct` for all values of a block, and what each value means.

A `BlockPlan` flattens fields and nested composites into leaves. Bytes that are as long and as new as the schema are
read by one `unpack`; shorter or older ones by a reduced `struct` that leaves out what is absent. A leaf is present
where its sinceVersion is not above the acting version and its bytes lie inside the acting block.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from wire.sbe.ir import (
    BitSet,
    Block,
    Composite,
    Counter,
    Dimension,
    Enum,
    Field,
    Group,
    Header,
    Message,
    Scalar,
    Schema,
)

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT", "__slots__": ()})()
"""Stands where a value is not in the acting version or block."""
REDUCED_PLANS_MAX = 64
"""Reduced structs kept for a block: hostile block lengths must not fill the memory."""


@dataclass(slots=True)
class Node:
    """A field or composite member. A leaf has an `index` into the block's values, a composite has `members`."""

    source: Field
    name: str
    kind: str
    """constant, integer, float, char, text, bytes, array, enum, set, composite."""
    offset: int
    """Bytes from the start of the block."""
    index: int = -1
    since: int = 0
    null: Any = None
    """Value that means missing; None: none does."""
    optional: bool = False
    names: dict[int, str] = field(default_factory=dict)
    """enum: value to name; set: bit to name."""
    values: dict[str, int] = field(default_factory=dict)
    """enum: name to value; set: name to bit."""
    items: struct.Struct | None = None
    """array: its items."""
    members: list[Node] = field(default_factory=list)
    by_name: dict[str, Node] = field(default_factory=dict)
    leaves: range = range(0)
    """composite: the indexes of its leaves."""
    exponent: Node | None = None
    """composite that is a decimal: its exponent (then `members` holds the mantissa too)."""
    exponent_name: str = ""
    """Field that holds the exponent of this mantissa (foreign attribute `...:exponent`)."""
    time_unit_ns: int = 0
    """Time: nanoseconds of one unit; 0: not a time."""


@dataclass(slots=True)
class Leaf:
    offset: int
    size: int
    since: int
    code: str
    """struct code."""
    node: Node


class BlockPlan:
    """The fields of one block or header."""

    def __init__(self, fields: tuple[Field, ...], order: str) -> None:
        self.order = order
        self.leaves: list[Leaf] = []
        self.nodes = [self._node(item, 0, 0) for item in fields]
        self.by_name = {node.name: node for node in self.nodes}
        self.newest = max((leaf.since for leaf in self.leaves), default=0)
        self.used = max((leaf.offset + leaf.size for leaf in self.leaves), default=0)
        self.whole = _struct(self.order, self.leaves)
        self._reduced: dict[tuple[int, int], tuple[struct.Struct, list[int]]] = {}

    def unpack(self, data: Any, at: int, block_length: int, version: int) -> tuple[Any, ...]:
        """The raw values of all leaves, `ABSENT` where there is none. The caller has proved that the block is there."""
        if block_length >= self.used and version >= self.newest:
            return self.whole.unpack_from(data, at)
        key = (min(block_length, self.used), min(version, self.newest))
        found = self._reduced.get(key)
        if found is None:
            kept = [i for i, leaf in enumerate(self.leaves) if _is_present(leaf, *key)]
            found = _struct(self.order, [self.leaves[i] for i in kept]), kept
            if len(self._reduced) < REDUCED_PLANS_MAX:
                self._reduced[key] = found
        reduced, kept = found
        values = [ABSENT] * len(self.leaves)
        for index, value in zip(kept, reduced.unpack_from(data, at), strict=True):
            values[index] = value
        return tuple(values)

    def pack(self, values: list[Any], block_length: int) -> bytearray:
        """A zeroed block of `block_length` bytes with every value that is not `ABSENT`."""
        out = bytearray(block_length)
        if ABSENT not in values:
            self.whole.pack_into(out, 0, *values)
            return out
        for leaf, value in zip(self.leaves, values, strict=True):
            if value is not ABSENT:
                struct.pack_into(f"{self.order}{leaf.code}", out, leaf.offset, value)
        return out

    def length_in(self, version: int) -> int:
        """Bytes of the fields that exist in `version`."""
        return max((leaf.offset + leaf.size for leaf in self.leaves if leaf.since <= version), default=0)

    # --- building

    def _node(self, item: Field, base: int, since: int) -> Node:
        encoding = item.encoding
        since = max(since, item.notes.since)
        node = Node(item, item.name, "", base + item.offset, since=since, optional=item.presence == "optional")
        if item.presence == "constant":
            node.kind = "constant"
            return node
        if isinstance(encoding, Composite):
            self._composite(node, encoding)
            return node
        node.index = len(self.leaves)
        size = encoding.size
        code = encoding.primitive.code
        if isinstance(encoding, Enum):
            node.kind, node.null = "enum", encoding.null
            node.names = {member.value: member.name for member in encoding.members}
            node.values = {member.name: member.value for member in encoding.members}
        elif isinstance(encoding, BitSet):
            node.kind = "set"
            node.names = {choice.bit: choice.name for choice in encoding.choices}
            node.values = {choice.name: choice.bit for choice in encoding.choices}
        elif encoding.length != 1:
            code = f"{size}s"
            node.kind = "text" if encoding.primitive.is_char else "array"
            node.items = struct.Struct(f"{self.order}{encoding.length}{encoding.primitive.code}")
        else:
            node.kind = "char" if encoding.primitive.is_char else "float" if encoding.primitive.is_float else "integer"
            node.null = encoding.null
            node.time_unit_ns = _time_unit_ns(item, encoding)
            node.exponent_name = next((v for k, v in item.notes.attributes if k.endswith(":exponent")), "")
        self.leaves.append(Leaf(node.offset, size, since, code, node))
        return node

    def _composite(self, node: Node, encoding: Composite) -> None:
        node.kind = "composite"
        first = len(self.leaves)
        for member in encoding.members:
            if isinstance(member.encoding, Scalar) and member.encoding.length == 0 and member.presence != "constant":
                continue  # the variable part of a length composite that is used as a field
            node.members.append(self._node(member, node.offset, node.since))
        node.leaves = range(first, len(self.leaves))
        node.by_name = {member.name: member for member in node.members}
        mantissa, exponent = node.by_name.get("mantissa"), node.by_name.get("exponent")
        if len(node.members) == 2 and mantissa is not None and exponent is not None and mantissa.kind == "integer":
            node.exponent = exponent
        time, unit = node.by_name.get("time"), node.by_name.get("unit")
        if len(node.members) == 2 and time is not None and unit is not None and unit.kind == "constant":
            constant = unit.source.constant
            if isinstance(constant, int) and 0 <= constant <= 9:
                node.time_unit_ns = 10 ** (9 - constant)


def _is_present(leaf: Leaf, block_length: int, version: int) -> bool:
    return leaf.since <= version and leaf.offset + leaf.size <= block_length


def _struct(order: str, leaves: list[Leaf]) -> struct.Struct:
    parts = [order]
    cursor = 0
    for leaf in leaves:
        if leaf.offset > cursor:
            parts.append(f"{leaf.offset - cursor}x")
        parts.append(leaf.code)
        cursor = leaf.offset + leaf.size
    return struct.Struct("".join(parts))


_UNITS_NS = {"second": 10**9, "millisecond": 10**6, "microsecond": 10**3, "nanosecond": 1}
_TIMES = ("UTCTimestamp", "UTCTimeOnly", "TZTimestamp")


def _time_unit_ns(item: Field, encoding: Scalar) -> int:
    """Nanoseconds are what a bare UTCTimestamp counts; the legacy attribute timeUnit says otherwise."""
    semantic = item.notes.semantic_type or encoding.notes.semantic_type
    if semantic not in _TIMES or encoding.primitive.size != 8:
        return 0
    attributes = {**dict(encoding.notes.attributes), **dict(item.notes.attributes)}
    return _UNITS_NS.get(attributes.get("timeUnit", "nanosecond"), 0)


class CounterPlan:
    """One unsigned number at a fixed place."""

    def __init__(self, counter: Counter, order: str) -> None:
        self.counter = counter
        self.offset = counter.offset
        self.packer = struct.Struct(f"{order}{counter.primitive.code}") if counter.primitive else None

    def read(self, data: Any, at: int) -> int:
        """The number in the composite that starts at `at`; a constant where it is one."""
        if self.packer is None:
            return self.counter.constant
        value: int = self.packer.unpack_from(data, at + self.offset)[0]
        return value

    def write(self, out: bytearray, at: int, value: int) -> bool:
        """False where the number does not fit (or is not the constant); nothing is written then."""
        if self.packer is None:
            return value == self.counter.constant
        assert self.counter.primitive is not None
        if not 0 <= value <= self.counter.primitive.highest:
            return False
        self.packer.pack_into(out, at + self.offset, value)
        return True


def counter_plan(counter: Counter | None, order: str) -> CounterPlan | None:
    return None if counter is None else CounterPlan(counter, order)


class DimensionPlan:
    def __init__(self, dimension: Dimension, order: str) -> None:
        self.size = dimension.composite.size
        self.block_length = CounterPlan(dimension.block_length, order)
        self.count = CounterPlan(dimension.count, order)
        self.group_count = counter_plan(dimension.group_count, order)
        self.data_count = counter_plan(dimension.data_count, order)


@dataclass(slots=True)
class DataPlan:
    name: str
    since: int
    size: int
    """Bytes before the payload."""
    length: CounterPlan
    character_encoding: str


class BodyPlan:
    """A block with the groups and data behind it."""

    def __init__(self, block: Block, order: str) -> None:
        self.block = BlockPlan(block.fields, order)
        self.length = block.length
        self.groups = [GroupPlan(group, order) for group in block.groups]
        self.data = [
            DataPlan(
                data.name,
                data.notes.since,
                data.payload_offset,
                CounterPlan(data.length, order),
                data.payload.character_encoding,
            )
            for data in block.data
        ]
        self.names = {*self.block.by_name, *(group.name for group in self.groups), *(data.name for data in self.data)}

    def length_in(self, version: int) -> int:
        """Bytes of the block in `version`: the schema's, unless fields of it are newer."""
        return self.length if self.block.newest <= version else self.block.length_in(version)

    def is_fixed_in(self, version: int) -> bool:
        """No group and no data exists in `version`: entries are rows."""
        return all(group.since > version for group in self.groups) and all(item.since > version for item in self.data)


class GroupPlan:
    def __init__(self, group: Group, order: str) -> None:
        self.name = group.name
        self.since = group.notes.since
        self.dimension = DimensionPlan(group.dimension, order)
        self.body = BodyPlan(group.block, order)


class HeaderPlan:
    def __init__(self, header: Header, order: str) -> None:
        self.size = header.composite.size
        self.block = BlockPlan(header.composite.members, order)
        self.block_length = counter_plan(header.block_length, order)
        self.template_id = CounterPlan(header.template_id, order)
        self.schema_id = counter_plan(header.schema_id, order)
        self.version = counter_plan(header.version, order)
        self.group_count = counter_plan(header.group_count, order)
        self.data_count = counter_plan(header.data_count, order)


@dataclass(slots=True)
class MessagePlan:
    message: Message
    body: BodyPlan


def plan_messages(schema: Schema, order: str) -> list[MessagePlan]:
    return [MessagePlan(message, BodyPlan(message.block, order)) for message in schema.messages]
