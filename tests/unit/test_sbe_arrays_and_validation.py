"""numpy views of groups, and the checks of the application level."""

from __future__ import annotations

import numpy as np
import pytest

from wire.sbe import Codec, load_schema_text
from wire.sbe.arrays import group_array
from wire.sbe.validating import problems_of

SCHEMA = """<messageSchema id="1" version="1" byteOrder="{order}"><types>
<composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>
 <type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>
 <type name="version" primitiveType="uint16"/></composite>
<composite name="groupSizeEncoding"><type name="blockLength" primitiveType="uint16"/>
 <type name="numInGroup" primitiveType="uint8"/></composite>
<composite name="var"><type name="length" primitiveType="uint8"/>
 <type name="varData" primitiveType="uint8" length="0" characterEncoding="UTF-8"/></composite>
<composite name="Price"><type name="mantissa" primitiveType="int64"/>
 <type name="exponent" primitiveType="int8" presence="constant">-2</type></composite>
<type name="Code" primitiveType="char" length="3"/><type name="Three" primitiveType="uint16" length="3"/>
<type name="Percent" primitiveType="uint8" maxValue="100"/>
<enum name="Side" encodingType="uint8"><validValue name="Buy">1</validValue></enum>
<set name="Flags" encodingType="uint8"><choice name="A">0</choice></set>
</types>
<message name="M" id="1">
 <group name="rows" id="1">
  <field name="price" id="2" type="Price"/><field name="code" id="3" type="Code"/>
  <field name="three" id="4" type="Three"/>
  <field name="size" id="5" type="int32" offset="20"/><field name="late" id="6" type="uint16" sinceVersion="1"/>
 </group>
 <group name="walk" id="7"><field name="a" id="8" type="uint8"/><data name="d" id="9" type="var"/></group>
</message>
<message name="V" id="2">
 <field name="p" id="1" type="Percent"/><field name="o" id="2" type="Percent" presence="optional"/>
 <field name="side" id="3" type="Side"/><field name="flags" id="4" type="Flags"/><field name="code" id="5" type="Code"/>
 <field name="price" id="6" type="Price" presence="optional"/>
 <data name="d" id="9" type="var"/>
</message></messageSchema>"""


@pytest.fixture(params=["littleEndian", "bigEndian"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return load_schema_text(SCHEMA.format(order=request.param))


ROWS = [{"price": {"mantissa": 100 + i}, "code": "ab", "three": [1, 2, i], "size": -i, "late": i} for i in range(3)]


def test_a_group_is_an_array_over_the_message(codec: Codec) -> None:
    message = codec.decode(b"\0" + codec.encode("M", {"rows": ROWS}), 1)
    rows = group_array(message.rows)
    assert rows["price"]["mantissa"].tolist() == [100, 101, 102]
    assert rows["code"].tolist() == [b"ab"] * 3
    assert rows["three"][2].tolist() == [1, 2, 2]
    assert rows["size"].tolist() == [0, -1, -2]
    assert rows["late"].tolist() == [entry.late for entry in message.rows]
    assert (rows.dtype.itemsize, rows.flags.writeable, rows.base is not None) == (26, False, True)


def test_an_old_message_has_no_column_that_came_later(codec: Codec) -> None:
    message = codec.decode(codec.encode("M", {"rows": ROWS}, version=0))
    rows = group_array(message.rows)
    assert (rows.dtype.names, rows.dtype.itemsize) == (("price", "code", "three", "size"), 24)


def test_entries_that_are_no_rows_are_refused(codec: Codec) -> None:
    message = codec.decode(codec.encode("M", {"walk": [{"a": 1, "d": b"x"}]}))
    with pytest.raises(ValueError, match="hold groups or data"):
        group_array(message.walk)
    assert group_array(message.rows).shape == (0,)
    assert isinstance(group_array(message.rows), np.ndarray)


def test_a_valid_message_has_no_problems(codec: Codec) -> None:
    fields = {"p": 100, "side": "Buy", "flags": ["A"], "code": "abc", "d": "ä"}
    assert problems_of(codec.decode(codec.encode("V", fields))) == []


def test_every_value_that_the_schema_does_not_allow_is_named(codec: Codec) -> None:
    fields = {"p": 101, "o": 200, "side": 7, "flags": 6, "code": b"a\0b", "d": b"\xff"}
    assert problems_of(codec.decode(codec.encode("V", fields))) == [
        "p is 101; 0 to 100 are allowed.",
        "o is 200; 0 to 100 are allowed.",
        "side is 7, which Side does not name.",
        "flags has bits that Flags does not name: 0x6.",
        "code has characters after its end.",
        "d is not UTF-8 text.",
    ]
    fields = {"p": 255, "side": 1, "code": b"\x01", "price": {"mantissa": -(2**63)}}
    assert problems_of(codec.decode(codec.encode("V", fields))) == [
        "p is required and has the null value.",
        "code has characters that are not printable ASCII.",
    ]


def test_a_required_field_that_a_short_block_lacks_is_a_problem(codec: Codec) -> None:
    short = codec.decode_body(b"\x01\x00", 2, block_length=1, version=1)
    assert problems_of(short)[0] == "side is required and not in the block."
