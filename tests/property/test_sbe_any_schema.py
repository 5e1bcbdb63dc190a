"""Any schema, any values: what is encoded is decoded again, in every version, and every cut is refused."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wire.sbe import DecodeError, load_schema_text
from wire.sbe.ir import BitSet, Block, Composite, Encoding, Enum, Field, Scalar

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
UNSIGNED = INTEGERS[4:]
VERSION = 3


class SchemaText:
    """Builds one schema by drawing; every name is used once."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.count = 0
        self.types: list[str] = []
        self.scalars: list[str] = []
        self.values: list[str] = []

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def name(self) -> str:
        self.count += 1
        return f"{self.pick('a', 'class', 'None', 'trades')}_{self.count}"

    def attributes(self, **given: Any) -> str:
        return " ".join(f"{key}={quoteattr(str(value))}" for key, value in given.items() if value is not None)

    def scalar(self) -> str:
        name, primitive = self.name(), self.pick(*INTEGERS, "char", "float", "double")
        length = self.pick(None, None, 1, 2, 7)
        presence = self.pick(None, "required", "optional")
        null = self.pick(None, 0, 100) if presence == "optional" and primitive in INTEGERS else None
        head = self.attributes(name=name, primitiveType=primitive, length=length, presence=presence, nullValue=null)
        return f"<type {head}/>"

    def constant(self) -> str:
        primitive, text = self.pick(("int8", "-9"), ("uint16", "9000"), ("char", "P"), ("char", "Petrol"))
        return f"<type {self.attributes(name=self.name(), primitiveType=primitive, presence='constant')}>{text}</type>"

    def enum(self) -> str:
        encoding = self.pick("uint8", "int8", "uint16", "char", "int32")
        values = self.draw(st.lists(st.integers(33, 99), min_size=1, max_size=4, unique=True))
        listed = "".join(
            f'<validValue name="V{value}">{chr(value) if encoding == "char" else value}</validValue>'
            for value in values
            if chr(value) not in "<&>"
        )
        return f"<enum {self.attributes(name=self.name(), encodingType=encoding)}>{listed}</enum>"

    def bit_set(self) -> str:
        encoding = self.pick(*UNSIGNED)
        bits = self.draw(st.lists(st.integers(0, int(encoding[4:]) - 1), max_size=4, unique=True))
        listed = "".join(f'<choice name="B{bit}">{bit}</choice>' for bit in bits)
        return f"<set {self.attributes(name=self.name(), encodingType=encoding)}>{listed}</set>"

    def composite(self, depth: int = 0) -> str:
        makers = [self.scalar, self.constant, self.enum, self.bit_set, self.reference]
        if depth < 2:
            makers.append(lambda: self.composite(depth + 1))
        members = "".join(self.pick(*makers)() for _ in range(self.draw(st.integers(1, 4))))
        return f"<composite {self.attributes(name=self.name())}>{members}</composite>"

    def reference(self) -> str:
        return f"<ref {self.attributes(name=self.name(), type=self.pick(*self.declared))}/>"

    def declare(self) -> None:
        self.declared = ["uint32"]
        for maker in (self.scalar, self.scalar, self.enum, self.bit_set, self.constant, self.composite, self.composite):
            text = maker()
            self.types.append(text)
            self.declared.append(text.split('name="')[1].split('"')[0])
        width = self.pick(*UNSIGNED[:3])
        self.types.append(
            f'<composite name="dim"><type name="numInGroup" primitiveType="{self.pick(*UNSIGNED[:3])}"/>'
            f'<type name="blockLength" primitiveType="uint16" offset="{self.pick(4, 5)}"/></composite>'
            f'<composite name="var"><type name="length" primitiveType="{width}"/>'
            '<type name="varData" primitiveType="uint8" length="0"/></composite>'
        )
        members = self.draw(st.permutations(["blockLength", "templateId", "schemaId", "version"]))
        listed = "".join(
            f"<type {self.attributes(name=member, primitiveType=self.pick('uint16', 'uint32'))}/>" for member in members
        )
        self.types.append(f'<composite name="messageHeader">{listed}</composite>')

    def body(self, depth: int = 0) -> str:
        parts = []
        for _ in range(self.draw(st.integers(0, 4))):
            head = self.attributes(
                name=self.name(),
                id=self.count,
                type=self.pick(*self.declared),
                presence=self.pick(None, None, "optional"),
                sinceVersion=self.pick(None, None, 1, 2, 3),
            )
            parts.append(f"<field {head}/>")
        if depth < 3:
            for _ in range(self.draw(st.integers(0, 2 - depth // 2))):
                since = self.pick(None, None, 2)
                head = self.attributes(name=self.name(), id=self.count, dimensionType="dim", sinceVersion=since)
                parts.append(f"<group {head}>{self.body(depth + 1)}</group>")
        for _ in range(self.draw(st.integers(0, 1))):
            head = self.attributes(name=self.name(), id=self.count, type="var", sinceVersion=self.pick(None, 1))
            parts.append(f"<data {head}/>")
        return "".join(parts)


@st.composite
def schemas(draw: st.DrawFn) -> str:
    text = SchemaText(draw)
    text.declare()
    message = f'<message name="M" id="{text.pick(0, 65535)}">{text.body()}</message>'
    head = text.attributes(id=text.pick(0, 9), version=VERSION, byteOrder=text.pick("littleEndian", "bigEndian"))
    return f"<messageSchema {head}><types>{''.join(text.types)}</types>{message}</messageSchema>"


# --- values in the form of `Message.plain()`


def number(draw: st.DrawFn, encoding: Scalar) -> Any:
    primitive = encoding.primitive
    if primitive.is_float:
        return draw(st.floats(width=32, allow_nan=False))
    return draw(st.integers(int(primitive.lowest), int(primitive.highest)))


def value_of(draw: st.DrawFn, item: Field, optional: bool, version: int) -> Any:
    encoding: Encoding = item.encoding
    if item.notes.since > version:
        return {"absent": True}
    if item.presence == "constant":
        return {"const": item.constant}
    if isinstance(encoding, Composite):
        inner = optional or item.presence == "optional"
        return {member.name: value_of(draw, member, inner, version) for member in encoding.members}
    if isinstance(encoding, Enum):
        raw = draw(st.integers(int(encoding.primitive.lowest), int(encoding.primitive.highest)))
        return {"enum": {m.value: m.name for m in encoding.members}.get(raw), "raw": raw}
    if isinstance(encoding, BitSet):
        raw = draw(st.integers(0, int(encoding.primitive.highest)))
        return {"set": [choice.name for choice in encoding.choices if raw >> choice.bit & 1], "raw": raw}
    if encoding.length != 1 and encoding.primitive.is_char:
        return draw(st.binary(max_size=encoding.length)).decode("latin-1").partition("\0")[0]
    if encoding.length != 1:
        return [number(draw, encoding) for _ in range(encoding.length)]
    raw = number(draw, encoding)
    if (optional or item.presence == "optional") and raw == encoding.null:
        return None
    return (chr(raw) if raw else "") if encoding.primitive.is_char else raw


def block_of(draw: st.DrawFn, block: Block, version: int) -> dict[str, Any]:
    out = {item.name: value_of(draw, item, False, version) for item in block.fields}
    for group in block.groups:
        if group.notes.since > version:
            out[group.name] = {"absent": True}
        else:
            out[group.name] = [block_of(draw, group.block, version) for _ in range(draw(st.integers(0, 2)))]
    for data in block.data:
        if data.notes.since > version:
            out[data.name] = {"absent": True}
        else:
            out[data.name] = {"hex": draw(st.binary(max_size=5)).hex()}
    return out


@st.composite
def messages(draw: st.DrawFn) -> tuple[str, int, dict[str, Any]]:
    """A schema, a version, values that this version of its message may have."""
    text = draw(schemas())
    message = load_schema_text(text).schema.messages[0]
    version = draw(st.integers(0, VERSION))
    return text, version, block_of(draw, message.block, version)


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def check(text: str, version: int, fields: dict[str, Any]) -> None:
    codec = load_schema_text(text)
    encoded = codec.encode_plain("M", fields, version=version)
    message = codec.decode(encoded + b"\xaa")
    assert message.end == len(encoded)
    assert message.plain() == fields
    assert codec.encode_plain("M", message.plain(), version=version) == encoded
    body = encoded[codec.header_size :]
    by_hand = codec.decode_body(body, message.template_id, message.block_length, version)
    assert (by_hand.plain(), by_hand.end) == (fields, len(body))
    repr(message)
    for cut in range(len(encoded)):
        with pytest.raises(DecodeError):
            codec.decode(encoded[:cut])


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(messages())
def test_any_message_of_any_schema_in_any_version(drawn: tuple[str, int, dict[str, Any]]) -> None:
    check(*drawn)


@pytest.mark.long
@settings(max_examples=5000, deadline=None, suppress_health_check=SLOW)
@given(messages())
def test_many_messages_of_many_schemas(drawn: tuple[str, int, dict[str, Any]]) -> None:
    check(*drawn)
