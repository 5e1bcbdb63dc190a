"""`load_schema(path)` gives a codec: bytes to messages and back, for any SBE schema, in plain Python.

It is the witness for the generated code and what is used where that is not built.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wire.sbe import refusals
from wire.sbe.decoding import Walk, unknown_parts
from wire.sbe.encoding import Encoder
from wire.sbe.ir import Block, Schema
from wire.sbe.parser import parse_schema, parse_schema_text
from wire.sbe.plan import BodyPlan, HeaderPlan, MessagePlan, plan_messages
from wire.sbe.refusals import DecodeError, EncodeError
from wire.sbe.values import Entry, Message


class Codec:
    """All messages of a schema. `schema` is the resolved schema with its warnings."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.order = ">" if schema.big_endian else "<"
        self.header = HeaderPlan(schema.header, self.order)
        plans = plan_messages(schema, self.order)
        self._by_id = {plan.message.id: plan for plan in plans}
        self._by_name = {plan.message.name: plan for plan in plans}
        self._unknown = unknown_parts([plan.body for plan in plans])
        members = schema.header.composite.members
        self._header_body = BodyPlan(Block(self.header.size, self.header.size, members, (), ()), self.order)

    @property
    def header_size(self) -> int:
        """Bytes of the message header."""
        return self.header.size

    def decode(self, data: bytes | bytearray | memoryview, offset: int = 0) -> Message:
        """The message whose header stands at `offset`. Bytes after it are left alone; `end` says where it ends.

        Raises `DecodeError` with a code before anything outside `data` is read.
        """
        header, size = self.header, self.header.size
        if offset < 0 or offset + size > len(data):
            raise DecodeError(
                refusals.TRUNCATED_HEADER,
                f"The message header needs {size} bytes, {max(0, len(data) - offset)} are there.",
                offset,
            )
        on_wire = header.schema_id is not None and header.schema_id.packer is not None
        schema_id = header.schema_id.read(data, offset) if header.schema_id and on_wire else self.schema.id
        if schema_id != self.schema.id:
            raise DecodeError(
                refusals.WRONG_SCHEMA, f"The message is of schema {schema_id}, not {self.schema.id}.", offset
            )
        template_id = header.template_id.read(data, offset)
        version = header.version.read(data, offset) if header.version else self.schema.version
        plan = self._plan(template_id, offset)
        block_length = header.block_length.read(data, offset) if header.block_length else plan.body.length
        message = self._decode(plan, data, offset + size, block_length, version, offset)
        raw = header.block.unpack(data, offset, size, self.schema.version)
        message.header = Entry(self._header_body, raw, self.schema.version, {}, {}, None)
        return message

    def decode_body(
        self,
        data: bytes | bytearray | memoryview,
        template_id: int,
        block_length: int | None = None,
        version: int | None = None,
        offset: int = 0,
    ) -> Message:
        """The message whose root block starts at `offset`; template, length and version come from the caller.

        For framings that do not carry the schema's header. None means the schema's own length or version.
        """
        plan = self._plan(template_id, offset)
        block_length = plan.body.length if block_length is None else block_length
        version = self.schema.version if version is None else version
        return self._decode(plan, data, offset, block_length, version, None)

    def encode(
        self,
        name: str,
        fields: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Header and body of the message `name`.

        Optional fields that are not given are null, groups and data empty, sets 0; a required field must be given.
        `version` writes an older version. `header` gives members of the message header that are not of the standard.
        Raises `EncodeError` with the field's path.
        """
        return self._encoder(name, version, plain=False).message(fields or {}, header or {}, self)

    def encode_plain(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        version: int | None = None,
        header: Mapping[str, Any] | None = None,
    ) -> bytes:
        """As `encode`, for values in the form of `Message.plain()`: text is latin-1 whatever the charset."""
        return self._encoder(name, version, plain=True).message(fields, header or {}, self)

    def encode_body(self, name: str, fields: Mapping[str, Any], *, version: int | None = None) -> bytes:
        """The message without its header."""
        return self._encoder(name, version, plain=False).body(fields)

    def _encoder(self, name: str, version: int | None, *, plain: bool) -> Encoder:
        plan = self._by_name.get(name)
        if plan is None:
            raise EncodeError(refusals.UNKNOWN_MESSAGE, f'The schema has no message "{name}".')
        version = self.schema.version if version is None else version
        if not plan.message.notes.since <= version <= self.schema.version:
            raise EncodeError(
                refusals.TOO_NEW,
                f"{name} exists from version {plan.message.notes.since} to {self.schema.version}, not in {version}.",
            )
        return Encoder(plan, version, plain=plain)

    def _plan(self, template_id: int, offset: int) -> MessagePlan:
        plan = self._by_id.get(template_id)
        if plan is None:
            raise DecodeError(
                refusals.UNKNOWN_TEMPLATE, f"The schema has no message with template id {template_id}.", offset
            )
        return plan

    def _decode(
        self, plan: MessagePlan, data: Any, offset: int, block_length: int, version: int, header_at: int | None
    ) -> Message:
        end = len(data)
        if offset < 0 or block_length < 0 or offset + block_length > end:
            raise DecodeError(
                refusals.TRUNCATED_BLOCK,
                f"The block of {plan.message.name} has {block_length} bytes, {max(0, end - offset)} are there.",
                offset,
            )
        body = plan.body
        message = Message(body, body.block.unpack(data, offset, block_length, version), version, {}, {}, None)
        message.name = plan.message.name
        message.template_id = plan.message.id
        message.block_length = block_length
        message.version = version
        message.offset = offset
        message.newer = version > self.schema.version
        message.header = None
        walk = Walk(data, end, version, self._unknown if message.newer else None)
        groups, items = 0, 0
        if header_at is not None:
            groups, items = walk.announced(self.header.group_count, self.header.data_count, header_at)
        message.end = walk.body(message, body, offset + block_length, groups, items)
        return message


def load_schema(path: str | os.PathLike[str]) -> Codec:
    """The codec of a schema file. Raises `SchemaError` with file, line and element of every fault."""
    return Codec(parse_schema(path))


def load_schema_text(text: str | bytes, file: str = "<schema>") -> Codec:
    """The codec of a schema text; `file` is what error places say."""
    return Codec(parse_schema_text(text, file))
