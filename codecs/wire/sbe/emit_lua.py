"""A schema's Wireshark dissector: tables of its fields, and a small interpreter of them, in one Lua file.

Fields are named `<stem>.<Message>.<field>`, in groups `<stem>.<Message>.<group>.<field>`. Preferences of the protocol
say the UDP port and how messages stand in packets. Values are raw: a null says that it is one, a decimal is its parts.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from wire.sbe.ir import Schema
from wire.sbe.plan import BlockPlan, BodyPlan, CounterPlan, HeaderPlan, Node, plan_messages

_TEMPLATE = Path(__file__).with_name("templates") / "dissector.lua.txt"


def emit_lua(schema: Schema, stem: str, source: str) -> str:
    """The text of the dissector; `source` is named in its first line, `stem` is the protocol."""
    order = ">" if schema.big_endian else "<"
    header = HeaderPlan(schema.header, order)
    counters = {
        name: _counter(counter)
        for name, counter in (
            ("block_length", header.block_length),
            ("template_id", header.template_id),
            ("schema_id", header.schema_id),
            ("version", header.version),
        )
        if counter is not None
    }
    lines = [
        f"-- Dissector of {source}, made by `pitwire sbe generate --lua`; not to be edited. Digest {schema.digest}.",
        f"local PREFIX, DESCRIPTION = {_text(stem.lower())}, {_text(f'SBE {schema.package or stem}')}",
        f"local BIG, SCHEMA, VERSION = {str(schema.big_endian).lower()}, {schema.id}, {schema.version}",
        f"local HEADER = {{size = {header.size}, leaves = {_leaves(header.block)},",
        *(f"  {name} = {counter}," for name, counter in counters.items()),
        "}",
        "local BODIES = {}",
    ]
    for plan in plan_messages(schema, order):
        name = plan.message.name
        lines.append(f"BODIES[{plan.message.id}] = {_body(plan.body, f'name = {_text(name)}, ')}")
    return "\n".join([*lines, "", _TEMPLATE.read_text(encoding="utf-8")])


def _body(body: BodyPlan, extra: str = "") -> str:
    groups = [
        f"{{name = {_text(group.name)}, since = {group.since}, size = {group.dimension.size}, "
        f"block_length = {_counter(group.dimension.block_length)}, count = {_counter(group.dimension.count)}, "
        f"body = {_body(group.body)}}}"
        for group in body.groups
    ]
    data = [
        f"{{name = {_text(item.name)}, since = {item.since}, size = {item.size}, length = {_counter(item.length)}}}"
        for item in body.data
    ]
    leaves = _leaves(body.block)
    return (
        f"{{{extra}length = {body.length}, leaves = {leaves},\n"
        f"  groups = {{{', '.join(groups)}}}, data = {{{', '.join(data)}}}}}"
    )


def _leaves(block: BlockPlan) -> str:
    found: list[str] = []

    def add(node: Node, prefix: str) -> None:
        path = f"{prefix}{node.name}"
        if node.kind == "composite":
            for member in node.members:
                add(member, f"{path}.")
        elif node.kind != "constant":
            leaf = block.leaves[node.index]
            kind, null, names = _kind(node, leaf.code), "nil", "nil"
            if node.optional and isinstance(node.null, int):
                null = _text(struct.pack(f"{block.order}{leaf.code}", node.null).hex().upper())
            if node.kind == "enum" and leaf.size <= 4:
                listed = ", ".join(f"[{value}] = {_text(name)}" for value, name in node.names.items())
                names = f"{{{listed}}}" if listed else "nil"
            found.append(f"{{{_text(path)}, {leaf.offset}, {leaf.size}, {_text(kind)}, {leaf.since}, {null}, {names}}}")

    for node in block.nodes:
        add(node, "")
    return "{" + ",\n    ".join(found) + "}"


def _kind(node: Node, code: str) -> str:
    if node.items is not None:
        return "text" if node.kind == "text" else "bytes"
    if code in "fd":
        return "f32" if code == "f" else "f64"
    size = struct.calcsize(f"<{code}") * 8
    return f"{'i' if code.islower() else 'u'}{size}"


def _counter(counter: CounterPlan) -> str:
    if counter.packer is None:
        return f"{{constant = {counter.counter.constant}}}"
    return f"{{{counter.offset}, {counter.packer.size}}}"


def _text(text: Any) -> str:
    """A Lua string; every byte that is not plain is written as its number."""
    plain = "".join(
        chr(octet) if 32 <= octet < 127 and octet not in b'"\\' else f"\\{octet:03d}" for octet in str(text).encode()
    )
    return f'"{plain}"'
