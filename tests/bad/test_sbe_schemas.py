"""Schemas that must be refused: one sentence that names the fault, and the line where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from wire.sbe import SchemaError, load_schema, load_schema_text, parse_schema

SHARED = Path(__file__).parents[2].parent / "shared" / "sbe" / "schemas" / "invalid"

HEADER = (
    '<composite name="messageHeader"><type name="blockLength" primitiveType="uint16"/>'
    '<type name="templateId" primitiveType="uint16"/><type name="schemaId" primitiveType="uint16"/>'
    '<type name="version" primitiveType="uint16"/></composite>'
)
GROUP = (
    '<composite name="groupSizeEncoding"><type name="blockLength" primitiveType="uint16"/>'
    '<type name="numInGroup" primitiveType="uint8"/></composite>'
)
DATA = (
    '<composite name="var"><type name="length" primitiveType="uint8"/>'
    '<type name="varData" primitiveType="uint8" length="0"/></composite>'
)


def schema(types: str = "", body: str = "", attributes: str = 'id="1" version="3"', header: str = HEADER) -> str:
    """Types from line 3 on; the fields of the one message from line 6 on."""
    return (
        f'<messageSchema package="t" {attributes}>\n<types>{header}{GROUP}{DATA}\n{types}\n</types>\n'
        f'<message name="M" id="1">\n{body}\n</message>\n</messageSchema>'
    )


A_FIELD = '<field name="a" id="1" type="uint8"/>'

CASES = {
    "type that is not declared": (schema(body='<field name="a" id="1" type="Price"/>'), 6, '"Price" is not declared'),
    "type that is no primitive": (schema('<type name="T" primitiveType="uint9"/>'), 3, "not a primitive type"),
    "type without a primitive": (schema('<type name="T"/>'), 3, "has no primitiveType"),
    "type declared twice": (
        schema('<type name="T" primitiveType="char"/>\n<type name="T" primitiveType="int8"/>'),
        4,
        "declared twice, first in line 3",
    ),
    "composite that contains itself": (
        schema(
            '<composite name="A"><ref name="b" type="B"/></composite>'
            '<composite name="B"><ref name="a" type="A"/></composite>'
        ),
        3,
        "contains itself: A -> B -> A",
    ),
    "null that does not fit": (
        schema('<type name="T" primitiveType="uint16" nullValue="65536"/>'),
        3,
        "65536 does not fit",
    ),
    "minimum that does not fit": (schema('<type name="T" primitiveType="int8" minValue="-129"/>'), 3, "does not fit"),
    "minimum above the maximum": (
        schema('<type name="T" primitiveType="int8" minValue="5" maxValue="4"/>'),
        3,
        "above its maxValue",
    ),
    "null that is no number": (schema('<type name="T" primitiveType="uint16" nullValue="none"/>'), 3, "not an integer"),
    "constant without a value": (
        schema('<type name="T" primitiveType="int8" presence="constant"/>'),
        3,
        "has no value",
    ),
    "constant that does not fit": (
        schema('<type name="T" primitiveType="int8" presence="constant">128</type>'),
        3,
        "does not fit into int8",
    ),
    "presence that does not exist": (
        schema('<type name="T" primitiveType="int8" presence="maybe"/>'),
        3,
        "none of required",
    ),
    "enum value that is empty": (
        schema('<enum name="E" encodingType="uint8"><validValue name="A"/></enum>'),
        3,
        "is empty",
    ),
    "enum value that does not fit": (
        schema('<enum name="E" encodingType="uint8"><validValue name="A">256</validValue></enum>'),
        3,
        "256 does not fit into uint8",
    ),
    "enum name twice": (
        schema(
            '<enum name="E" encodingType="uint8"><validValue name="A">1</validValue>\n'
            '<validValue name="A">2</validValue></enum>'
        ),
        4,
        'the name "A" twice',
    ),
    "enum of floats": (schema('<enum name="E" encodingType="float"/>'), 3, "cannot be encoded as float"),
    "bit outside the set": (
        schema('<set name="S" encodingType="uint8"><choice name="A">8</choice></set>'),
        3,
        "Bit 8",
    ),
    "set of signed integers": (schema('<set name="S" encodingType="int8"/>'), 3, "must be unsigned"),
    "member that overlaps": (
        schema(
            '<composite name="C"><type name="a" primitiveType="uint32"/>\n'
            '<type name="b" primitiveType="uint8" offset="3"/></composite>'
        ),
        4,
        "overlaps what is before it, which ends at 4",
    ),
    "reference to nothing": (
        schema(body='<field name="a" id="1" type="uint8" presence="constant" valueRef="E.X"/>'),
        6,
        '"E" is not declared',
    ),
    "reference to no value": (
        schema(
            '<enum name="E" encodingType="uint8"><validValue name="A">1</validValue></enum>',
            '<field name="a" id="1" type="E" presence="constant" valueRef="E.X"/>',
        ),
        6,
        'has no value "X"',
    ),
    "field that overlaps": (schema(body=A_FIELD + '\n<field name="b" id="2" type="uint8" offset="0"/>'), 7, "overlaps"),
    "field name twice": (schema(body=A_FIELD + '\n<field name="a" id="2" type="uint8"/>'), 7, 'with the name "a"'),
    "field after a group": (schema(body='<group name="g" id="2"></group>\n' + A_FIELD), 7, "fields come first"),
    "group after data": (
        schema(body='<data name="d" id="3" type="var"/>\n<group name="g" id="2"></group>'),
        7,
        "groups come before data",
    ),
    "field with a space in its name": (schema(body='<field name="a b" id="1" type="uint8"/>'), 6, "is not a name"),
    "field newer than the schema": (
        schema(body='<field name="a" id="1" type="uint8" sinceVersion="4"/>'),
        6,
        "above the schema's version 3",
    ),
    "group without a dimension": (
        schema(body='<group name="g" id="2" dimensionType="uint8"></group>'),
        6,
        "is not a composite",
    ),
    "data of a scalar type": (schema(body='<data name="d" id="3" type="uint8"/>'), 6, "is not a composite"),
    "data without a payload": (
        schema(body='<data name="d" id="3" type="groupSizeEncoding"/>'),
        2,
        'has no member "length"',
    ),
    "header that is missing": (schema(header=""), 1, '"messageHeader" is not declared'),
    "header without a template": (schema(header=HEADER.replace("templateId", "template")), 2, 'no member "templateId"'),
    "header with a signed member": (
        schema(header=HEADER.replace('"templateId" primitiveType="uint16"', '"templateId" primitiveType="int16"')),
        2,
        "must be unsigned",
    ),
    "message id that the header cannot say": (
        schema(
            header=HEADER.replace('"templateId" primitiveType="uint16"', '"templateId" primitiveType="uint8"')
        ).replace('<message name="M" id="1">', '<message name="M" id="256">'),
        5,
        "does not fit into the message header",
    ),
    "block that is shorter than its fields": (
        schema(body=A_FIELD).replace('<message name="M" id="1">', '<message name="M" id="1" blockLength="0">'),
        5,
        "less than the 1 bytes",
    ),
    "message without an id": (schema().replace('name="M" id="1"', 'name="M"'), 5, "has no id"),
    "byte order that does not exist": (schema(attributes='id="1" byteOrder="middle"'), 1, "neither littleEndian"),
    "version that is no number": (schema(attributes='id="1" version="1.0"'), 1, "is not an integer"),
    "root that is something else": ("<fix/>", 1, "not messageSchema"),
    "xml that does not close": (schema().replace("</types>", ""), 8, "malformed"),
    "xml that declares entities": (
        '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + schema(attributes='id="1" description="&b;"'),
        1,
        "may not declare entities",
    ),
    "nothing at all": ("", 1, "malformed"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_with_a_line_and_a_sentence(case: str) -> None:
    text, line, sentence = CASES[case]
    with pytest.raises(SchemaError) as caught:
        load_schema_text(text, "bad.xml")
    problem = caught.value.problems[0]
    assert sentence in problem.sentence
    assert (problem.place.file, problem.place.line) == ("bad.xml", line)
    assert str(caught.value).startswith(f"bad.xml:{line}: <{problem.place.element}>: ")


def test_all_faults_are_told_at_once() -> None:
    body = '<field name="a" id="1" type="X"/><field name="b" id="2" type="Y"/>'
    with pytest.raises(SchemaError) as caught:
        load_schema_text(schema('<type name="T"/>', body))
    assert len(caught.value.problems) == 3
    assert "(2 more)" in str(caught.value)


def test_includes_that_are_missing_or_go_in_circles(tmp_path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<messageSchema id="1">\n<include href="nowhere.xml"/></messageSchema>')
    with pytest.raises(SchemaError, match=r'"nowhere\.xml" is not beside "a\.xml"') as caught:
        parse_schema(path)
    assert caught.value.problems[0].place.line == 2
    path.write_text('<messageSchema id="1"><include href="a.xml"/></messageSchema>')
    with pytest.raises(SchemaError, match="form a circle"):
        parse_schema(path)


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(SchemaError, match="cannot be read"):
        load_schema(tmp_path / "none.xml")


def test_groups_that_are_nested_too_deep() -> None:
    body = '<group name="g" id="1">' * 90 + "</group>" * 90
    with pytest.raises(SchemaError, match="nested more than 64 deep"):
        load_schema_text(schema(body=body))


HOSTILE = {
    "elements nested without end": ("<a>" * 5000, "nested more than 100 deep"),
    "references that double": (
        schema(
            '<composite name="c0"><type name="k" primitiveType="uint8" presence="constant">1</type></composite>'
            + "".join(
                f'<composite name="c{i}"><ref name="a" type="c{i - 1}"/><ref name="b" type="c{i - 1}"/></composite>'
                for i in range(1, 60)
            )
        ),
        "is too large",
    ),
    "references that go on": (
        schema(
            "".join(f'<composite name="c{i}"><ref name="a" type="c{i + 1}"/></composite>' for i in range(500))
            + '<composite name="c500"/>'
        ),
        "more than 64 deep",
    ),
    "an array without end": (schema(f'<type name="T" primitiveType="char" length="{10**30}"/>'), "longer than 16 MiB"),
    "an offset without end": (
        schema(f'<composite name="C"><type name="a" primitiveType="uint8" offset="{10**30}"/></composite>'),
        "is too large",
    ),
    "a group block that its dimension cannot say": (
        schema(body='<group name="g" id="1" blockLength="65536"></group>'),
        "its dimension cannot say so",
    ),
    "a number of many digits": (schema(attributes=f'id="{"9" * 10000}"'), "is not an integer"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_schemas_are_refused_and_cost_nothing(case: str) -> None:
    text, sentence = HOSTILE[case]
    with pytest.raises(SchemaError, match=sentence):
        load_schema_text(text)


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe/schemas/invalid is not here")
@pytest.mark.parametrize(
    ("name", "line", "sentence"),
    [
        ("cyclic-refs-schema", 15, "contains itself"),
        ("error-handler-dup-message-schema", 14, "has the id 1 of"),
        ("error-handler-invalid-name", 24, "is not a name"),
        ("error-handler-since-version", 24, "above the schema's version 0"),
        ("error-handler-types-dup-schema", 10, "declared twice"),
    ],
)
def test_shared_invalid_schemas(name: str, line: int, sentence: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_schema(SHARED / f"{name}.xml")
    assert sentence in caught.value.problems[0].sentence
    assert caught.value.problems[0].place.line == line
