"""What a decoded message reads like: fields by attribute or key, groups that iterate, exact decimals, named enums."""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, overload

from wire.sbe.ir import Enum, Scalar
from wire.sbe.plan import ABSENT, BodyPlan, Node

_EXACT = decimal.Context(prec=64, traps=[decimal.InvalidOperation, decimal.Inexact])


class EnumValue(int):
    """The number of an enumerator; `name` is None where the schema does not name the number."""

    name: str | None

    def __new__(cls, value: int, name: str | None) -> EnumValue:
        made = super().__new__(cls, value)
        made.name = name
        return made

    def __repr__(self) -> str:
        return f"{self.name or 'unknown'}({int(self)})"

    def __eq__(self, other: object) -> bool:
        return self.name == other if isinstance(other, str) else int(self) == other

    def __hash__(self) -> int:
        return hash(int(self))


class SetValue(int):
    """The bits of a set; iterates over the names of those that are set and named."""

    names: tuple[str, ...]

    def __new__(cls, value: int, names: tuple[str, ...]) -> SetValue:
        made = super().__new__(cls, value)
        made.names = names
        return made

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        return "{" + ", ".join(self.names) + "}"


class TimeValue(int):
    """A time as the wire counts it; `ns` is the same in nanoseconds."""

    ns: int

    def __new__(cls, value: int, unit_ns: int) -> TimeValue:
        made = super().__new__(cls, value)
        made.ns = value * unit_ns
        return made


class DataValue(bytes):
    """Variable data; `text` decodes it by the schema's characterEncoding (latin-1 where there is none)."""

    character_encoding: str

    def __new__(cls, value: bytes, character_encoding: str) -> DataValue:
        made = super().__new__(cls, value)
        made.character_encoding = character_encoding
        return made

    @property
    def text(self) -> str:
        return decode_text(self, self.character_encoding)


def decode_text(octets: bytes, character_encoding: str) -> str:
    """Text in the charset of the schema; latin-1, which never fails, where that is unknown or does not fit."""
    try:
        return octets.decode(character_encoding or "ascii")
    except (LookupError, UnicodeDecodeError):
        return octets.decode("latin-1")


class Values(Mapping[str, Any]):
    """Named values. `v.Price` and `v["Price"]` are the same; the key always works, whatever the name."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no field {name!r} here; there are {', '.join(self)}") from None

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name}={value!r}" for name, value in self.items()) + "}"


class CompositeValue(Values):
    """The members of a composite."""

    __slots__ = ("_node", "_owner")

    def __init__(self, owner: Entry, node: Node) -> None:
        self._owner = owner
        self._node = node

    def __getitem__(self, name: str) -> Any:
        return self._owner.value(self._node.by_name[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._node.by_name)

    def __len__(self) -> int:
        return len(self._node.members)


class Entry(Values):
    """One block with what is behind it: a message's body or an entry of a group. Values are made when they are read.

    A missing value (null) and one that is not in the message's version are both None.
    """

    __slots__ = ("_data", "_groups", "_parent", "_plan", "_raw", "_version")

    def __init__(
        self,
        plan: BodyPlan,
        raw: tuple[Any, ...],
        version: int,
        groups: dict[str, Entries],
        data: dict[str, DataValue],
        parent: Entry | None,
    ) -> None:
        self._plan = plan
        self._raw = raw
        self._version = version
        self._groups = groups
        self._data = data
        self._parent = parent

    def __getitem__(self, name: str) -> Any:
        node = self._plan.block.by_name.get(name)
        if node is not None:
            return self.value(node)
        if name in self._groups:
            return self._groups[name]
        if name in self._data:
            return self._data[name]
        if name in self._plan.names:
            return None
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        yield from self._plan.block.by_name
        yield from (group.name for group in self._plan.groups)
        yield from (data.name for data in self._plan.data)

    def __len__(self) -> int:
        return len(self._plan.names)

    # --- for people

    def value(self, node: Node) -> Any:
        """A field as people want it."""
        if node.kind == "constant":
            return None if node.since > self._version else _constant(node)
        if node.kind == "composite":
            return self._composite(node)
        raw = self._raw[node.index]
        if raw is ABSENT:
            return None
        if node.optional and _is_null(raw, node.null):
            return None
        match node.kind:
            case "integer":
                if node.exponent_name:
                    return self._scaled(raw, node.exponent_name)
                return TimeValue(raw, node.time_unit_ns) if node.time_unit_ns else raw
            case "float":
                return raw
            case "char":
                return chr(raw) if raw else ""
            case "enum":
                return EnumValue(raw, node.names.get(raw))
            case "set":
                return SetValue(raw, _bits(node, raw))
            case "text":
                encoding = node.source.encoding
                assert isinstance(encoding, Scalar)
                return decode_text(raw.partition(b"\0")[0], encoding.character_encoding)
        assert node.items is not None
        return node.items.unpack(raw)

    def _composite(self, node: Node) -> Any:
        if self._is_absent(node):
            return None
        if node.optional and self._is_null_composite(node):
            return None
        if node.exponent is not None:
            return self._decimal(node)
        if node.time_unit_ns:
            time = self.value(node.by_name["time"])
            return None if time is None else TimeValue(time, node.time_unit_ns)
        return CompositeValue(self, node)

    def _is_absent(self, node: Node) -> bool:
        """All its leaves are: a composite of constants never is, unless it is too new."""
        if not node.leaves:
            return node.since > self._version
        return all(self._raw[index] is ABSENT for index in node.leaves)

    def _is_null_composite(self, node: Node) -> bool:
        """A composite is null exactly if its first member on the wire is (SBE 1.0, composite types)."""
        for leaf in node.members:
            if leaf.kind == "constant":
                continue
            if leaf.kind == "composite":
                return self._is_null_composite(leaf)
            return _is_null(self._raw[leaf.index], leaf.null)
        return False

    def _decimal(self, node: Node) -> Decimal | None:
        mantissa = self.value(node.by_name["mantissa"])
        exponent = self.value(node.by_name["exponent"])
        if mantissa is None or exponent is None or not -6176 <= int(exponent) <= 6111:
            return None
        return Decimal(int(mantissa)).scaleb(int(exponent), _EXACT)

    def _scaled(self, raw: int, exponent_name: str) -> Any:
        """A mantissa whose exponent is a field here or in a block around it."""
        exponent = self.find(exponent_name)
        return raw if not isinstance(exponent, int) else Decimal(raw).scaleb(exponent, _EXACT)

    def find(self, name: str) -> Any:
        """The field of that name here or in the nearest block around that has it; None where there is none."""
        entry: Entry | None = self
        while entry is not None:
            if name in entry._plan.block.by_name:
                return entry[name]
            entry = entry._parent
        return None

    # --- for programs

    def plain(self) -> dict[str, Any]:
        """All values as JSON can hold them; enums, sets, data and constants tell what they are:

        {"enum": name or None, "raw": n}, {"set": [names], "raw": n}, {"hex": ...}, {"const": v}, {"absent": True} for
        what is not in the acting version; None for null; text is latin-1 up to the first NUL.
        """
        out: dict[str, Any] = {node.name: self._plain(node, False) for node in self._plan.block.nodes}
        for group in self._plan.groups:
            entries = self._groups.get(group.name)
            out[group.name] = {"absent": True} if entries is None else [entry.plain() for entry in entries]
        for data in self._plan.data:
            octets = self._data.get(data.name)
            out[data.name] = {"absent": True} if octets is None else {"hex": octets.hex()}
        return out

    def _plain(self, node: Node, in_optional: bool) -> Any:
        if node.kind == "constant":
            if node.since > self._version:
                return {"absent": True}
            item = node.source
            return {"const": item.constant_ref if isinstance(item.encoding, Enum) else item.constant}
        if node.kind == "composite":
            if self._is_absent(node):
                return {"absent": True}
            optional = in_optional or node.optional
            return {member.name: self._plain(member, optional) for member in node.members}
        raw = self._raw[node.index]
        if raw is ABSENT:
            return {"absent": True}
        match node.kind:
            case "enum":
                return {"enum": node.names.get(raw), "raw": raw}
            case "set":
                return {"set": list(_bits(node, raw)), "raw": raw}
            case "text":
                return raw.partition(b"\0")[0].decode("latin-1")
            case "array":
                assert node.items is not None
                return list(node.items.unpack(raw))
        if (node.optional or in_optional) and _is_null(raw, node.null):
            return None
        if node.kind == "char":
            return chr(raw) if raw else ""
        return raw


def _is_null(raw: Any, null: Any) -> bool:
    if null is None:
        return raw is ABSENT
    return bool(raw == null or (raw != raw and null != null))


def _constant(node: Node) -> Any:
    value, encoding = node.source.constant, node.source.encoding
    if isinstance(encoding, Enum) and isinstance(value, int):
        return EnumValue(value, node.source.constant_ref.rpartition(".")[2])
    return value


def _bits(node: Node, raw: int) -> tuple[str, ...]:
    return tuple(name for bit, name in node.names.items() if raw >> bit & 1)


class Entries(Sequence[Entry]):
    """A group. Entries that are plain rows are read when they are asked for, others when the message is."""

    __slots__ = ("_count", "_entries", "_parent", "block_length", "data", "plan", "start", "version")

    def __init__(
        self,
        plan: BodyPlan,
        data: Any,
        start: int,
        block_length: int,
        count: int,
        version: int,
        parent: Entry,
        entries: list[Entry] | None,
    ) -> None:
        self.plan = plan
        self.data = data
        self.start = start
        """Offset of the first entry in the buffer."""
        self.block_length = block_length
        """Bytes of an entry's block, as the wire says."""
        self._count = count
        self.version = version
        self._parent = parent
        self._entries = entries

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(f"the group has {self._count} entries")
        if self._entries is not None:
            return self._entries[index]
        at = self.start + index * self.block_length
        raw = self.plan.block.unpack(self.data, at, self.block_length, self.version)
        return Entry(self.plan, raw, self.version, {}, {}, self._parent)

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self))}]"


class Message(Entry):
    """A decoded message: its fields, and what its header said."""

    __slots__ = ("block_length", "end", "header", "name", "newer", "offset", "template_id", "version")

    name: str
    template_id: int
    block_length: int
    """As the wire says."""
    version: int
    """Acting version, as the wire says."""
    offset: int
    """Of the root block in the buffer."""
    end: int
    """Offset after the last byte that the schema knows."""
    newer: bool
    """The message is newer than the schema: groups or data that the schema does not know may follow at `end`."""
    header: Entry | None
    """The message header; None where the caller gave template, length and version."""

    def __repr__(self) -> str:
        return f"{self.name}{super().__repr__()}"
