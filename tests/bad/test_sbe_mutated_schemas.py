"""Schemas with anything in them changed: they become a codec or a `SchemaError`, never another exception."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from wire.sbe import CodecError, SchemaError, generate, load_schema_text
from wire.sbe.emit_python import emit_python

TEXTS = [path.read_text() for path in sorted(generate.SCHEMAS.glob("*.xml"))] + [
    """<messageSchema package="t" id="1" version="2" byteOrder="bigEndian"><types>
<composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>
 <type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>
 <type name="version" primitiveType="uint16"/></composite>
<composite name="groupSizeEncoding"><type name="blockLength" primitiveType="uint16"/>
 <type name="numInGroup" primitiveType="uint8" maxValue="5"/></composite>
<composite name="var"><type name="length" primitiveType="uint8" maxValue="9"/>
 <type name="varData" primitiveType="uint8" length="0" characterEncoding="UTF-8"/></composite>
<composite name="Price"><type name="mantissa" primitiveType="int64" presence="optional" nullValue="7"/>
 <type name="exponent" primitiveType="int8" presence="constant">-2</type></composite>
<composite name="Outer"><ref name="price" type="Price" offset="2"/><ref name="side" type="Side"/></composite>
<type name="Text" primitiveType="char" length="3" presence="optional"/>
<type name="Base" primitiveType="uint8" nullValue="3" minValue="0" maxValue="9"/>
<enum name="Side" encodingType="Base">
<validValue name="Buy">1</validValue><validValue name="Sell">2</validValue></enum>
<set name="Flags" encodingType="uint16"><choice name="A">0</choice><choice name="B">15</choice></set>
</types><message name="M" id="1" blockLength="60">
<field name="o" id="1" type="Outer"/><field name="t" id="2" type="Text"/>
<field name="f" id="3" type="Flags" offset="30"/>
<field name="k" id="4" type="Side" presence="constant" valueRef="Side.Buy"/>
<group name="g" id="5" sinceVersion="1"><field name="d" id="6" type="double" presence="optional"/>
 <group name="h" id="7"><data name="e" id="8" type="var"/></group></group><data name="v" id="9" type="var"/>
</message></messageSchema>"""
]
VALUES = [
    "",
    " ",
    "0",
    "1",
    "-1",
    "2",
    "64",
    "255",
    "65535",
    "65536",
    "1e3",
    "NaN",
    "x",
    "a b",
    "uint8",
    "int8",
    "char",
]
VALUES += [
    "float",
    "optional",
    "constant",
    "required",
    "Side",
    "Side.Sell",
    "Price",
    "Outer",
    "var",
    "bigEndian",
    "é",
    "&#0;",
]
SPOT = re.compile(r'"[^"]*"|<[/\w:]+|>[^<]*<')


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_mutated_schema_is_a_codec_or_an_error(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        spots = [match.span() for match in SPOT.finditer(text)]
        start, end = data.draw(st.sampled_from(spots))
        kind = text[start]
        value = data.draw(st.sampled_from(VALUES))
        new = {
            '"': f'"{value}"',
            "<": data.draw(st.sampled_from(["<type", "<field", "<group", "<data", "<ref", "<set"])),
        }
        text = text[:start] + new.get(kind, f">{value}<") + text[end:]
    try:
        codec = load_schema_text(text)
    except SchemaError as error:
        sentences = [problem.sentence for problem in error.problems]
    else:
        sentences = [warning.sentence for warning in codec.schema.warnings]
        for source in emit_python(codec.schema, "s.xml", "wire.gen", "s").values():
            compile(source, "generated", "exec")
        for message in codec.schema.messages:
            try:
                codec.decode(codec.encode(message.name, {})).plain()
            except CodecError as refused:
                sentences.append(refused.sentence)
    assert all(sentence.endswith(".") for sentence in sentences)
