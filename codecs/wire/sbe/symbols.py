"""The names that generated Python carries: constants and accessors of a schema, in one table without collisions.

`M_F_OFFSET`, `M_F_SIZE`, `M_F_NULL`, `get_M_F`, `put_M_F`: M is the message, or `Message_group` for the entries of a
group, or a composite; F the field, or `field_member` in a composite. The schema's spelling is never changed; where two
elements would give one name, the later one gets underscores at its end, and the table says so.
"""

from __future__ import annotations

import json
import keyword
import math
import re
from dataclasses import dataclass, field

from wire.sbe.ir import BitSet, Block, Composite, Encoding, Enum, Field, Scalar, Schema


@dataclass(slots=True)
class Symbols:
    """Constants (name to Python literal) in sections, and accessors (suffix to kind and offset)."""

    sections: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    accessors: list[tuple[str, dict[str, tuple[str, int]]]] = field(default_factory=list)
    renamed: list[str] = field(default_factory=list)
    """Sentences about names that had to change."""
    _taken: set[str] = field(default_factory=set)

    def section(self, title: str) -> None:
        self.sections.append((title, {}))
        self.accessors.append((title, {}))

    def constant(self, name: str, literal: str) -> None:
        self.sections[-1][1][self._free(name)] = literal

    def accessor(self, name: str, kind: str, offset: int) -> None:
        free = self._free(f"get_{name}").removeprefix("get_")
        self._taken.add(f"put_{free}")
        self.accessors[-1][1][free] = (kind, offset)

    def _free(self, name: str) -> str:
        free = re.sub(r"^(?=\d)|\W", "_", name)
        while free in self._taken or keyword.iskeyword(free):
            free += "_"
        if free != name:
            self.renamed.append(f"{name} is taken; the later one is {free}.")
        self._taken.add(free)
        return free


def symbols_of(schema: Schema) -> Symbols:
    """Every symbol of a schema, in schema order."""
    symbols = Symbols()
    symbols.section("the schema")
    symbols.constant("SCHEMA_ID", str(schema.id))
    symbols.constant("SCHEMA_VERSION", str(schema.version))
    symbols.constant("SCHEMA_DIGEST", f'"{schema.digest}"')
    order = "be" if schema.big_endian else ""
    for name, encoding in schema.types.items():
        _type(symbols, name, encoding, order)
    for message in schema.messages:
        symbols.section(f"message {message.name}")
        symbols.constant(f"{message.name}_TEMPLATE_ID", str(message.id))
        _block(symbols, message.name, message.block, order)
    return symbols


def _type(symbols: Symbols, name: str, encoding: Encoding, order: str) -> None:
    if isinstance(encoding, Enum):
        symbols.section(f"enum {name}")
        for member in encoding.members:
            symbols.constant(f"{name}_{member.name}", str(member.value))
        symbols.constant(f"{name}_NULL", _null_literal(encoding.null))
    elif isinstance(encoding, BitSet):
        symbols.section(f"set {name}")
        for choice in encoding.choices:
            symbols.constant(f"{name}_{choice.name}", f"1 << {choice.bit}")
    elif isinstance(encoding, Composite):
        symbols.section(f"composite {name}")
        symbols.constant(f"{name}_SIZE", str(encoding.size))
        _fields(symbols, name, encoding.members, 0, order)
        for inner in encoding.members:
            if isinstance(inner.encoding, (Enum, BitSet)) and inner.encoding.name == inner.name:
                _inline(symbols, name, inner.encoding)


def _inline(symbols: Symbols, owner: str, encoding: Enum | BitSet) -> None:
    """Values of an enum or set that is declared inside a composite: named after both."""
    if isinstance(encoding, Enum):
        for member in encoding.members:
            symbols.constant(f"{owner}_{encoding.name}_{member.name}", str(member.value))
    else:
        for choice in encoding.choices:
            symbols.constant(f"{owner}_{encoding.name}_{choice.name}", f"1 << {choice.bit}")


def _block(symbols: Symbols, name: str, block: Block, order: str) -> None:
    symbols.constant(f"{name}_BLOCK_LENGTH", str(block.length))
    _fields(symbols, name, block.fields, 0, order)
    for group in block.groups:
        _block(symbols, f"{name}_{group.name}", group.block, order)


def _fields(symbols: Symbols, owner: str, fields: tuple[Field, ...], base: int, order: str) -> None:
    for item in fields:
        name = f"{owner}_{item.name}"
        encoding = item.encoding
        if item.presence == "constant":
            symbols.constant(f"{name}_VALUE", _literal(item.constant))
            continue
        offset = base + item.offset
        symbols.constant(f"{name}_OFFSET", str(offset))
        if isinstance(encoding, Scalar) and encoding.length == 0:
            continue
        symbols.constant(f"{name}_SIZE", str(encoding.size))
        if item.notes.since:
            symbols.constant(f"{name}_SINCE", str(item.notes.since))
        if isinstance(encoding, Composite):
            _fields(symbols, name, encoding.members, offset, order)
            continue
        if isinstance(encoding, Scalar) and encoding.length != 1:
            continue
        if item.presence == "optional" and item.null is not None:
            symbols.constant(f"{name}_NULL", _null_literal(item.null))
        kind = encoding.primitive.kind
        symbols.accessor(name, kind + order if encoding.primitive.size > 1 else kind, offset)


def _null_literal(null: int | float) -> str:
    """As the accessors return it: a uint64 keeps its bits as int64."""
    return _literal(null - (1 << 64) if isinstance(null, int) and null >= 1 << 63 else null)


def _literal(value: int | float | str | None) -> str:
    """Python source of a number or text."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return json.dumps(value) if isinstance(value, str) else repr(value)
