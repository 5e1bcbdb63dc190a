"""Writes own_messages.json anew: run it only when a schema changed on purpose, and read the difference.

Every message twice: each value different from its neighbours (so that a shifted field shows), and all nulls. The bytes
are assembled here by hand from `struct`, without the codec that the test checks with them.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from wire.sbe import generate, parse_schema
from wire.sbe.ir import BitSet, Composite, Data, Enum, Field, Message, Schema


def value_of(item: Field, number: int) -> tuple[Any, bytes]:
    """A value in the form of the vectors, and its bytes."""
    encoding = item.encoding
    assert not isinstance(encoding, Composite)
    code = encoding.primitive.code
    if isinstance(encoding, Enum):
        member = encoding.members[number % len(encoding.members)]
        return {"enum": member.name, "raw": member.value}, struct.pack(f"<{code}", member.value)
    if isinstance(encoding, BitSet):
        choice = encoding.choices[number % len(encoding.choices)]
        return {"set": [choice.name], "raw": 1 << choice.bit}, struct.pack(f"<{code}", 1 << choice.bit)
    if encoding.primitive.name == "char" and encoding.length != 1:
        text = f"{item.name}{number}"
        return text, text.encode().ljust(encoding.length, b"\0")
    if encoding.length != 1:
        values = [number + i for i in range(encoding.length)]
        return values, struct.pack(f"<{encoding.length}{code}", *values)
    value = 0 if encoding.maximum == 0 else number if encoding.primitive.size == 1 else number * 257
    return value, struct.pack(f"<{code}", value)


def null_of(item: Field, number: int) -> tuple[Any, bytes]:
    """The null of an optional field, the value of another."""
    encoding = item.encoding
    assert not isinstance(encoding, Composite)
    if item.presence != "optional" or isinstance(encoding, BitSet):
        return value_of(item, number)
    raw = struct.pack(f"<{encoding.primitive.code}", int(encoding.null))
    return ({"enum": None, "raw": encoding.null} if isinstance(encoding, Enum) else None), raw


def vector(stem: str, schema: Schema, message: Message, variant: str) -> dict[str, Any]:
    make = value_of if variant == "values" else null_of
    fields: dict[str, Any] = {}
    body = b""
    for number, item in enumerate(message.block.fields, start=3):
        fields[item.name], octets = make(item, number)
        body += octets
    for data in message.block.data:
        payload = text_of(data) if variant == "values" else b""
        fields[data.name] = {"hex": payload.hex()}
        body += struct.pack("<H", len(payload)) + payload
    header = struct.pack("<HHHH", message.block.length, message.id, schema.id, schema.version)
    return {
        "schema": stem,
        "message": message.name,
        "variant": variant,
        "template_id": message.id,
        "version": schema.version,
        "block_length": message.block.length,
        "hex": (header + body).hex(),
        "fields": fields,
    }


def text_of(data: Data) -> bytes:
    return f"{data.name}: ä".encode()


def main() -> None:
    vectors = []
    for stem in ("order_entry", "market_data", "fixp"):
        schema = parse_schema(generate.SCHEMAS / f"{stem}.xml")
        for message in schema.messages:
            vectors += [vector(stem, schema, message, variant) for variant in ("values", "nulls")]
    lines = ",\n".join(json.dumps(one) for one in vectors)
    (Path(__file__).parent / "own_messages.json").write_text(f'{{"vectors": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
