"""The resolved schema: every name looked up, every offset and null decided. Emitters and codecs read only this.

The semantic decisions (presence, nulls, versions) are made in the parser and written down there; here is the result.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from wire.sbe.primitives import PRIMITIVES, Primitive
from wire.sbe.problems import Place, Problem

Presence = Literal["required", "optional", "constant"]
IR_VERSION = 1


@dataclass(frozen=True, slots=True)
class Notes:
    """What everything named in a schema may carry."""

    place: Place
    description: str = ""
    semantic_type: str = ""
    since: int = 0
    deprecated: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Attributes that the standard does not know, as written."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A `type`: one primitive or an array of them."""

    name: str
    primitive: Primitive
    length: int
    """Items; 0: variable (only as varData)."""
    presence: Presence
    null: int | float
    minimum: int | float
    maximum: int | float
    constant: int | float | str | None
    """Text of a character constant, number of another."""
    character_encoding: str
    notes: Notes
    is_array: bool = False
    """More than one item, or character text that is written as a string."""
    range_declared: bool = False
    """minValue or maxValue stand in the schema."""

    @property
    def size(self) -> int:
        return 0 if self.presence == "constant" else self.primitive.size * self.length


@dataclass(frozen=True, slots=True)
class EnumMember:
    name: str
    value: int
    notes: Notes


@dataclass(frozen=True, slots=True)
class Enum:
    name: str
    primitive: Primitive
    presence: Presence
    null: int
    members: tuple[EnumMember, ...]
    notes: Notes

    @property
    def size(self) -> int:
        return self.primitive.size


@dataclass(frozen=True, slots=True)
class Choice:
    name: str
    bit: int
    notes: Notes


@dataclass(frozen=True, slots=True)
class BitSet:
    name: str
    primitive: Primitive
    choices: tuple[Choice, ...]
    notes: Notes

    @property
    def size(self) -> int:
        return self.primitive.size


@dataclass(frozen=True, slots=True)
class Composite:
    name: str
    members: tuple[Field, ...]
    size: int
    """Bytes up to the end of the last member; a variable member (varData) adds none."""
    notes: Notes
    presence: Presence = "required"
    leaf_count: int = 0
    """Values in it and in the composites in it."""

    def member(self, name: str) -> Field | None:
        return next((member for member in self.members if member.name == name), None)


Encoding = Scalar | Enum | BitSet | Composite


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a block, or a member of a composite (then `id` is None)."""

    name: str
    id: int | None
    encoding: Encoding
    offset: int
    """Bytes from the start of the block or composite."""
    presence: Presence
    null: int | float | None
    """The value that means missing; None where no value does."""
    constant: int | float | str | None
    constant_ref: str
    """`Enum.Value` where the constant was given so."""
    notes: Notes

    @property
    def size(self) -> int:
        return 0 if self.presence == "constant" else self.encoding.size


@dataclass(frozen=True, slots=True)
class Counter:
    """An unsigned member of a header, dimension or length composite, found by its name."""

    offset: int
    primitive: Primitive | None
    """None: a constant."""
    minimum: int
    maximum: int
    constant: int = 0


@dataclass(frozen=True, slots=True)
class Dimension:
    """What stands before the entries of a group."""

    composite: Composite
    block_length: Counter
    count: Counter
    group_count: Counter | None = None
    data_count: Counter | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """What stands before a message."""

    composite: Composite
    block_length: Counter | None
    template_id: Counter
    schema_id: Counter | None
    version: Counter | None
    group_count: Counter | None = None
    data_count: Counter | None = None


@dataclass(frozen=True, slots=True)
class Data:
    name: str
    id: int | None
    composite: Composite
    length: Counter
    payload_offset: int
    """Bytes from the start of the composite to the payload."""
    payload: Scalar
    presence: Presence
    notes: Notes


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of a message or group entry, and what follows them."""

    length: int
    """Bytes of the fields with their padding."""
    used: int
    """Bytes that the fields reach."""
    fields: tuple[Field, ...]
    groups: tuple[Group, ...]
    data: tuple[Data, ...]

    @property
    def is_fixed(self) -> bool:
        """No group and no data: entries can be skipped by multiplication."""
        return not self.groups and not self.data


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    id: int | None
    dimension: Dimension
    block: Block
    notes: Notes


@dataclass(frozen=True, slots=True)
class Message:
    name: str
    id: int
    block: Block
    notes: Notes


@dataclass(frozen=True, slots=True)
class Schema:
    package: str
    id: int
    version: int
    semantic_version: str
    description: str
    big_endian: bool
    header: Header
    types: dict[str, Encoding]
    """The named types, in the order of the schema."""
    messages: tuple[Message, ...]
    warnings: tuple[Problem, ...]
    attributes: tuple[tuple[str, str], ...] = ()
    """Attributes of the root element that the standard does not know."""

    def message(self, key: str | int) -> Message | None:
        """The message of that name or template id."""
        return next((message for message in self.messages if key in (message.name, message.id)), None)

    def to_json(self, *, wire_only: bool = False) -> str:
        """The IR as JSON. `wire_only` leaves out what changes no byte: descriptions and places."""
        return json.dumps(_Writer(wire_only).schema(self), indent=None if wire_only else 1, ensure_ascii=True)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything that decides how bytes are read. Descriptions do not change it."""
        return hashlib.sha256(self.to_json(wire_only=True).encode()).hexdigest()


class _Writer:
    """IR to plain dicts, empty things left out."""

    def __init__(self, wire_only: bool) -> None:
        self.wire_only = wire_only
        self.named: set[int] = set()

    def schema(self, schema: Schema) -> dict[str, Any]:
        header = schema.header
        self.named = {id(encoding) for encoding in schema.types.values()}
        return {
            "ir_version": IR_VERSION,
            "package": schema.package,
            "id": schema.id,
            "version": schema.version,
            "semantic_version": schema.semantic_version,
            **({} if self.wire_only else {"description": schema.description}),
            **({"attributes": dict(schema.attributes)} if schema.attributes else {}),
            "byte_order": "bigEndian" if schema.big_endian else "littleEndian",
            "header": {
                "composite": header.composite.name,
                **self.counters(
                    block_length=header.block_length,
                    template_id=header.template_id,
                    schema_id=header.schema_id,
                    version=header.version,
                    group_count=header.group_count,
                    data_count=header.data_count,
                ),
            },
            "types": {name: self.encoding(encoding) for name, encoding in schema.types.items()},
            "messages": [
                {"name": m.name, "id": m.id, **self.block(m.block), **self.notes(m.notes)} for m in schema.messages
            ],
        }

    def counters(self, **counters: Counter | None) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, counter in counters.items():
            if counter is not None:
                out[name] = {
                    "offset": counter.offset,
                    "type": counter.primitive.name if counter.primitive else "constant",
                    "min": counter.minimum,
                    "max": counter.maximum,
                    **({} if counter.primitive else {"value": counter.constant}),
                }
        return out

    def block(self, block: Block) -> dict[str, Any]:
        out: dict[str, Any] = {"block_length": block.length, "fields": [self.field(f) for f in block.fields]}
        if block.groups:
            out["groups"] = [
                {
                    "name": group.name,
                    "id": group.id,
                    "stride": "fixed" if group.block.is_fixed else "walk",
                    "dimension": {
                        "composite": group.dimension.composite.name,
                        "size": group.dimension.composite.size,
                        **self.counters(
                            block_length=group.dimension.block_length,
                            count=group.dimension.count,
                            group_count=group.dimension.group_count,
                            data_count=group.dimension.data_count,
                        ),
                    },
                    **self.block(group.block),
                    **self.notes(group.notes),
                }
                for group in block.groups
            ]
        if block.data:
            out["data"] = [
                {
                    "name": data.name,
                    "id": data.id,
                    "composite": data.composite.name,
                    **self.counters(length=data.length),
                    "payload_offset": data.payload_offset,
                    "payload": data.payload.primitive.name,
                    "character_encoding": data.payload.character_encoding,
                    **self.notes(data.notes),
                }
                for data in block.data
            ]
        return out

    def field(self, field: Field) -> dict[str, Any]:
        out: dict[str, Any] = {"name": field.name}
        if field.id is not None:
            out["id"] = field.id
        out |= {"offset": field.offset, "size": field.size, "presence": field.presence}
        if field.presence == "optional" and field.null is not None:
            out["null"] = _number(field.null)
        if field.constant is not None:
            out["constant"] = _number(field.constant)
        if field.constant_ref:
            out["constant_ref"] = field.constant_ref
        encoding = field.encoding
        named = id(encoding) in self.named or encoding.name in PRIMITIVES
        return out | {"type": encoding.name if named else self.encoding(encoding)} | self.notes(field.notes)

    def encoding(self, encoding: Encoding) -> dict[str, Any]:
        out: dict[str, Any] = {"name": encoding.name}
        if isinstance(encoding, Composite):
            out |= {"kind": "composite", "size": encoding.size}
            out["members"] = [self.field(member) for member in encoding.members]
            return out | self.notes(encoding.notes)
        out["primitive"] = encoding.primitive.name
        if isinstance(encoding, Enum):
            out |= {"kind": "enum", "null": encoding.null}
            out["values"] = [{"name": m.name, "value": m.value, **self.notes(m.notes)} for m in encoding.members]
        elif isinstance(encoding, BitSet):
            out["kind"] = "set"
            out["choices"] = [{"name": c.name, "bit": c.bit, **self.notes(c.notes)} for c in encoding.choices]
        else:
            out |= {"kind": "scalar", "length": encoding.length, "null": _number(encoding.null)}
            if encoding.range_declared:
                out |= {"min": _number(encoding.minimum), "max": _number(encoding.maximum)}
            if encoding.character_encoding:
                out["character_encoding"] = encoding.character_encoding
        return out | self.notes(encoding.notes)

    def notes(self, notes: Notes) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if notes.since:
            out["since"] = notes.since
        if notes.deprecated is not None:
            out["deprecated"] = notes.deprecated
        if notes.semantic_type:
            out["semantic_type"] = notes.semantic_type
        if notes.attributes:
            out["attributes"] = dict(notes.attributes)
        if not self.wire_only:
            if notes.description:
                out["description"] = notes.description
            out["line"] = notes.place.line
        return out


def _number(value: int | float | str) -> int | float | str:
    """JSON has no NaN and no infinity: their names."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
