"""What the application level asks of a decoded message: ranges, required values, known enumerators, characters.

Never needed to read safely (the walk has proved all extents) and not done unless asked for: `problems_of(message)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from wire.sbe.ir import BitSet, Enum, Scalar
from wire.sbe.plan import ABSENT, Node
from wire.sbe.values import Entry


def problems_of(entry: Entry, path: str = "") -> list[str]:
    """One sentence for every value that the schema does not allow, in wire order; empty for a valid message."""
    return list(_problems(entry, path))


def _problems(entry: Entry, path: str) -> Iterator[str]:
    for node in entry._plan.block.nodes:
        yield from _node(entry, node, f"{path}{node.name}", node.optional)
    for group in entry._plan.groups:
        for index, item in enumerate(entry._groups.get(group.name, ())):
            yield from _problems(item, f"{path}{group.name}[{index}].")
    for data in entry._plan.data:
        octets = entry._data.get(data.name)
        if octets is not None and data.character_encoding:
            try:
                octets.decode(data.character_encoding)
            except (LookupError, UnicodeDecodeError):
                yield f"{path}{data.name} is not {data.character_encoding} text."


def _node(entry: Entry, node: Node, path: str, optional: bool) -> Iterator[str]:
    if node.kind == "constant":
        return
    if node.kind == "composite":
        if optional and not entry._is_absent(node) and entry._is_null_composite(node):
            return
        for member in node.members:
            yield from _node(entry, member, f"{path}.{member.name}", member.optional)
        return
    raw, encoding = entry._raw[node.index], node.source.encoding
    if raw is ABSENT:
        if node.since <= entry._version and not optional:
            yield f"{path} is required and not in the block."
    elif isinstance(encoding, Enum):
        if raw not in node.names and not (optional and raw == encoding.null):
            yield f"{path} is {raw}, which {encoding.name} does not name."
    elif isinstance(encoding, BitSet):
        unknown = raw & ~sum(1 << bit for bit in node.names)
        if unknown:
            yield f"{path} has bits that {encoding.name} does not name: {unknown:#x}."
    elif isinstance(encoding, Scalar):
        yield from _scalar(node, raw, encoding, path, optional)


def _scalar(node: Node, raw: object, encoding: Scalar, path: str, optional: bool) -> Iterator[str]:
    if node.kind == "text":
        assert isinstance(raw, bytes)
        text, _, rest = raw.partition(b"\0")
        if rest.strip(b"\0"):
            yield f"{path} has characters after its end."
        if not encoding.character_encoding and not all(0x20 <= octet <= 0x7E for octet in text):
            yield f"{path} has characters that are not printable ASCII."
        return
    if node.items is not None:
        assert isinstance(raw, bytes)
        values = node.items.unpack(raw)
    else:
        assert isinstance(raw, (int, float))
        if raw == encoding.null or raw != raw:
            if not optional:
                yield f"{path} is required and has the null value."
            return
        values = (raw,)
    for value in values:
        if not encoding.minimum <= value <= encoding.maximum:
            yield f"{path} is {value}; {encoding.minimum} to {encoding.maximum} are allowed."
