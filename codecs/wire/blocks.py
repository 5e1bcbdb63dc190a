"""Blocks of the project's own messages for plain Python: bytes to named values and back. Free of numba.

One `struct.Struct` a message, made from the parsed schema, so that the schemas stay the one source of every offset.
For tools and clients that handle thousands of messages a second: faster than the generic codec of `wire.sbe`, which
knows every feature of SBE, and slower than the kernels' accessors in `wire.gen`.

Reading follows SBE's extension rule: a longer block's tail is skipped, the fields that a shorter block lacks are None.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from wire.sbe.ir import BitSet, Composite, Enum, Scalar, Schema
from wire.sbe.ir import Field as IrField
from wire.sbe.parser import parse_schema


class BlockError(Exception):
    """Bytes are not the message that they should be; the message is one sentence."""


class Field(NamedTuple):
    """A field of a block: its place, `struct` format character(s) and null value (None: it is required)."""

    name: str
    offset: int
    format: str
    null: int | None


class Block:
    """The fixed fields of one message or composite; `names` are the schema's spelling."""

    def __init__(
        self, name: str, template_id: int, size: int, fields: list[Field], data: list[tuple[str, str]]
    ) -> None:
        self.name: Final = name
        self.template_id: Final = template_id
        self.size: Final = size
        self.names: Final = tuple(field.name for field in fields)
        self.offsets: Final = {field.name: field.offset for field in fields}
        self.data_names: Final = tuple(name for name, _ in data)
        self._data = [(name, struct.Struct("<" + length)) for name, length in data]
        self._ends = tuple(field.offset + struct.calcsize("<" + field.format) for field in fields)
        self._nulls = tuple(field.null for field in fields)
        self._zeros = tuple(b"" if field.format.endswith("s") else 0 for field in fields)
        self._optional = any(null is not None for null in self._nulls)
        parts, at = ["<"], 0
        for field, end in zip(fields, self._ends, strict=True):
            parts.append("x" * (field.offset - at) + field.format)
            at = end
        parts.append("x" * (size - at))
        self._struct = struct.Struct("".join(parts))
        self._positions = {name: i for i, name in enumerate(self.names)}
        self._tuple: Callable[..., Any] = namedtuple(name, [*self.names, *self.data_names])  # type: ignore[misc]
        assert self._struct.size == size, (name, self._struct.size, size)

    def pack(self, **values: Any) -> bytes:
        """The block's bytes. A field that is not given, or None, is its null, or 0 where it has none.

        Raises struct.error for a value outside its type and KeyError for a name that the block has not.
        """
        row = [zero if null is None else null for zero, null in zip(self._zeros, self._nulls, strict=True)]
        for name, value in values.items():
            if value is not None:
                row[self._positions[name]] = value
        return self._struct.pack(*row)

    def unpack(self, buf: Any, at: int, block_length: int | None = None) -> Any:
        """The fields at `buf[at:]` as a named tuple; nulls and fields beyond `block_length` are None.

        The caller has proved that `at + block_length` lies in `buf` (`block_length` None: the whole `size`).
        """
        values: Any
        if block_length is not None and block_length < self.size:
            whole = bytes(buf[at : at + block_length]) + bytes(self.size - block_length)
            row = self._struct.unpack_from(whole, 0)
            values = [v if end <= block_length else None for v, end in zip(row, self._ends, strict=True)]
        else:
            values = self._struct.unpack_from(buf, at)
        if self._optional:
            values = [
                None if null is not None and v == null else v for v, null in zip(values, self._nulls, strict=True)
            ]
        return self._tuple(*values, *(None for _ in self.data_names))

    def pack_data(self, **values: bytes) -> bytes:
        """The var-data that follows the block; data that is not given is empty. Raises struct.error when too long."""
        parts = []
        for name, length in self._data:
            octets = values.get(name, b"")
            parts.append(length.pack(len(octets)) + octets)
        return b"".join(parts)

    def unpack_data(self, buf: Any, at: int, end: int) -> tuple[dict[str, bytes], int]:
        """The var-data at `buf[at:end]` by name, and where it ends. Raises BlockError when it is cut short."""
        values = {}
        for name, length in self._data:
            if at + length.size > end:
                raise BlockError(f"{self.name}.{name} is cut short.")
            size = length.unpack_from(buf, at)[0]
            at += length.size
            if at + size > end:
                raise BlockError(f"{self.name}.{name} says {size} bytes and has {end - at}.")
            values[name] = bytes(buf[at : at + size])
            at += size
        return values, at


class Message(NamedTuple):
    """One decoded message: which block it is, its values, and where its bytes end in the buffer."""

    block: Block
    values: Any
    end: int


class Blocks:
    """All blocks of one schema, by name (`schema["Trade"]`) and by template id (`schema.by_template`)."""

    def __init__(self, schema_id: int, version: int, blocks: list[Block]) -> None:
        self.schema_id: Final = schema_id
        self.version: Final = version
        self._by_name = {block.name: block for block in blocks}
        self.by_template: Final = {block.template_id: block for block in blocks if block.template_id}
        self.header: Final = self._by_name["messageHeader"]

    def __getitem__(self, name: str) -> Block:
        return self._by_name[name]

    def encode(self, name: str, **values: Any) -> bytes:
        """Header, block and var-data of message `name`; values by the schema's field names (see `Block.pack`)."""
        block = self._by_name[name]
        data = {key: values.pop(key) for key in block.data_names if key in values}
        header = self.header.pack(
            blockLength=block.size, templateId=block.template_id, schemaId=self.schema_id, version=self.version
        )
        return header + block.pack(**values) + block.pack_data(**data)

    def decode(self, buf: Any, at: int = 0, end: int | None = None) -> Message:
        """The message whose header stands at `buf[at]`, wholly before `end`. Raises BlockError."""
        limit = len(buf) if end is None else end
        start = at + self.header.size
        if start > limit:
            raise BlockError("The message header is cut short.")
        block_length, template_id, schema_id, _version = self.header.unpack(buf, at)
        if start + block_length > limit:
            raise BlockError(f"The block of template {template_id} is cut short.")
        if schema_id != self.schema_id:
            raise BlockError(f"The message is of schema {schema_id}, not {self.schema_id}.")
        block = self.by_template.get(template_id)
        if block is None:
            raise BlockError(f"Template {template_id} is not known.")
        values = block.unpack(buf, start, block_length)
        after = start + block_length
        if block.data_names:
            data, after = block.unpack_data(buf, after, limit)
            values = values._replace(**data)
        return Message(block, values, after)


SCHEMA_FOLDERS: Final = (Path(__file__).parent / "schemas", Path(__file__).parent.parent / "schemas")
"""Where the schemas lie in an installed wheel and in a checkout."""


def _format(encoding: Scalar | Enum | BitSet) -> str:
    if isinstance(encoding, Scalar) and encoding.length != 1:
        return f"{encoding.length * encoding.primitive.size}s"
    return encoding.primitive.code if not encoding.primitive.is_char else "B"


def _fields(fields: Iterable[IrField]) -> list[Field]:
    found = []
    for field in fields:
        encoding = field.encoding
        if isinstance(encoding, Composite) or not field.size:
            raise BlockError(f"The field {field.name} is of a kind that plain blocks do not have.")
        null = field.null if field.presence == "optional" and isinstance(field.null, int) else None
        found.append(Field(field.name, field.offset, _format(encoding), null))
    return found


def blocks_of(ir: Schema) -> Blocks:
    """The messages of `ir` as blocks, and those of its composites that are headers.

    Raises BlockError where the schema has groups, constants or composites as fields: the generic codec of `wire.sbe`
    is for those.
    """
    blocks = []
    for name, encoding in ir.types.items():
        if isinstance(encoding, Composite) and all(member.size for member in encoding.members):
            blocks.append(Block(name, 0, encoding.size, _fields(encoding.members), []))
    for message in ir.messages:
        if message.block.groups:
            raise BlockError(f"The message {message.name} has groups; plain blocks have none.")
        data = []
        for item in message.block.data:
            if item.length.primitive is None:
                raise BlockError(f"The length of {message.name}.{item.name} is a constant.")
            data.append((item.name, item.length.primitive.code))
        blocks.append(Block(message.name, message.id, message.block.length, _fields(message.block.fields), data))
    return Blocks(ir.id, ir.version, blocks)


@cache
def schema(name: str) -> Blocks:
    """The blocks of one of the project's own schemas: order_entry, market_data or fixp."""
    for folder in SCHEMA_FOLDERS:
        path = folder / f"{name}.xml"
        if path.exists():
            return blocks_of(parse_schema(path))
    raise BlockError(f"The schema {name}.xml is missing from {' and '.join(map(str, SCHEMA_FOLDERS))}.")
