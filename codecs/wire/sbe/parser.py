"""Schema file to resolved IR: `parse_schema(path)`. Errors are collected, so that one run tells all of them."""

from __future__ import annotations

import os
from pathlib import Path

from wire.sbe.ir import Block, Composite, Counter, Data, Dimension, Field, Group, Header, Message, Notes, Scalar, Schema
from wire.sbe.problems import Fault, SchemaError
from wire.sbe.reading import Reader
from wire.sbe.source import Element, parse_tree, read_tree
from wire.sbe.types import Types, make_field, offset_of

DEPTH_MAX = 64
"""Groups in groups; deeper is taken for an attack on the stack."""


def parse_schema(path: str | os.PathLike[str]) -> Schema:
    """The schema in a file. Raises `SchemaError` with every problem: file, line, element and a sentence."""
    try:
        root = read_tree(Path(path))
    except Fault as fault:
        raise SchemaError([fault.problem]) from fault
    return _Parser().schema(root)


def parse_schema_text(text: str | bytes, file: str = "<schema>") -> Schema:
    """The schema in a text (no includes); `file` is what places say."""
    try:
        root = parse_tree(text.encode() if isinstance(text, str) else text, file)
    except Fault as fault:
        raise SchemaError([fault.problem]) from fault
    return _Parser().schema(root)


class _Parser:
    def __init__(self) -> None:
        self.reader = Reader()
        self.types = Types(self.reader)

    def schema(self, root: Element) -> Schema:
        reader = self.reader
        schema: Schema | None = None
        try:
            schema = self._schema(root)
        except Fault as fault:
            reader.error(fault.problem)
        if reader.errors or schema is None:
            raise SchemaError(reader.errors)
        return schema

    def _schema(self, root: Element) -> Schema:
        reader = self.reader
        if root.tag != "messageSchema":
            raise Fault(root.place, "The root element is not messageSchema.")
        reader.version = reader.integer(root, "version", 0) or 0
        schema_id = reader.integer(root, "id", None)
        if schema_id is None:
            reader.warn(root.place, "The schema has no id; 0 is taken.")
        byte_order = root.get("byteOrder") or "littleEndian"
        if byte_order not in ("littleEndian", "bigEndian"):
            raise Fault(root.place, f'byteOrder="{byte_order}" is neither littleEndian nor bigEndian.')
        for child in root.children:
            if child.tag == "types":
                self.types.declare(child)
            elif child.tag != "message":
                reader.warn(child.place, "This element is not known and is ignored.")
        types = self.types.resolve_all()
        header: Header | None = None
        header_fault: Fault | None = None
        try:
            header = self._header(root)
        except Fault as fault:
            header_fault = fault
        messages = self._messages(root, header)
        if header is None:
            assert header_fault is not None
            raise header_fault  # after the messages, whose faults are nearer to what is wrong
        for what, value, counter in (
            ("id", schema_id or 0, header.schema_id),
            ("version", reader.version, header.version),
        ):
            if counter is not None and counter.primitive is not None and value > counter.primitive.highest:
                reader.warn(root.place, f"The schema's {what} {value} does not fit into its message header.")
        return Schema(
            package=root.get("package") or "",
            id=schema_id or 0,
            version=reader.version,
            semantic_version=root.get("semanticVersion") or "",
            description=root.get("description") or "",
            big_endian=byte_order == "bigEndian",
            header=header,
            types=types,
            messages=tuple(messages),
            warnings=tuple(reader.warnings),
            attributes=reader.foreign(root),
        )

    # --- header, dimension, length

    def _header(self, root: Element) -> Header:
        name = root.get("headerType") or "messageHeader"
        encoding = self.types.resolve(name, root.place)
        if not isinstance(encoding, Composite):
            raise Fault(root.place, f'The message header "{name}" is not a composite.')
        template_id = self._counter(encoding, "templateId", required=True)
        assert template_id is not None
        header = Header(
            composite=encoding,
            block_length=self._counter(encoding, "blockLength", required=True),
            template_id=template_id,
            schema_id=self._counter(encoding, "schemaId"),
            version=self._counter(encoding, "version"),
            group_count=self._counter(encoding, "numGroups"),
            data_count=self._counter(encoding, "numVarDataFields"),
        )
        for what, counter in (("schemaId", header.schema_id), ("version", header.version)):
            if counter is None:
                self.reader.warn(encoding.notes.place, f'The message header "{name}" has no {what}.')
        return header

    def _dimension(self, element: Element) -> Dimension:
        name = element.get("dimensionType") or "groupSizeEncoding"
        encoding = self.types.resolve(name, element.place)
        if not isinstance(encoding, Composite):
            raise Fault(element.place, f'dimensionType="{name}" is not a composite.')
        block_length = self._counter(encoding, "blockLength", required=True)
        count = self._counter(encoding, "numInGroup", required=True)
        assert block_length is not None and count is not None
        return Dimension(
            composite=encoding,
            block_length=block_length,
            count=count,
            group_count=self._counter(encoding, "numGroups"),
            data_count=self._counter(encoding, "numVarDataFields"),
        )

    def _counter(self, composite: Composite, name: str, *, required: bool = False) -> Counter | None:
        member = composite.member(name)
        if member is None:
            if required:
                raise Fault(composite.notes.place, f'The composite "{composite.name}" has no member "{name}".')
            return None
        encoding = member.encoding
        if not isinstance(encoding, Scalar) or (encoding.length != 1 and member.presence != "constant"):
            raise Fault(member.notes.place, f'"{name}" of "{composite.name}" is not a single number.')
        primitive = encoding.primitive
        if not primitive.is_unsigned:
            raise Fault(member.notes.place, f'"{name}" of "{composite.name}" is {primitive.name}; it must be unsigned.')
        if member.presence == "constant":
            if not isinstance(member.constant, int):
                raise Fault(member.notes.place, f'The constant "{name}" of "{composite.name}" is not a number.')
            return Counter(member.offset, None, member.constant, member.constant, member.constant)
        if encoding.range_declared:
            return Counter(member.offset, primitive, int(encoding.minimum), int(encoding.maximum))
        return Counter(member.offset, primitive, 0, int(primitive.highest))

    # --- messages

    def _messages(self, root: Element, header: Header | None) -> list[Message]:
        reader = self.reader
        messages: list[Message] = []
        ids: dict[int, Element] = {}
        names: set[str] = set()
        for element in root.children:
            if element.tag != "message":
                continue
            try:
                name = reader.name(element)
                template_id = reader.integer(element, "id", None)
                if template_id is None:
                    raise Fault(element.place, f'The message "{name}" has no id.')
                if name in names:
                    raise Fault(element.place, f'There are two messages with the name "{name}".')
                if template_id in ids:
                    other = f'"{ids[template_id].get("name")}" in line {ids[template_id].place.line}'
                    raise Fault(element.place, f'The message "{name}" has the id {template_id} of {other}.')
                ids[template_id] = element
                names.add(name)
                notes = reader.notes(element)
                field_ids: dict[int, str] = {}
                block = self._block(element, field_ids, 0)
                if header is not None:
                    self._check_header_fits(element, header, template_id, block)
                messages.append(Message(name, template_id, block, notes))
            except Fault as fault:
                reader.error(fault.problem)
        if not messages and not reader.errors:
            reader.warn(root.place, "The schema has no messages.")
        return messages

    def _check_header_fits(self, element: Element, header: Header, template_id: int, block: Block) -> None:
        name = element.get("name")
        primitive = header.template_id.primitive
        if primitive is not None and template_id > primitive.highest:
            raise Fault(element.place, f'The id {template_id} of "{name}" does not fit into the message header.')
        length = header.block_length
        if length is not None and length.primitive is not None and block.length > length.primitive.highest:
            raise Fault(
                element.place, f'The block of "{name}" has {block.length} bytes; the message header cannot say so.'
            )

    def _block(self, element: Element, field_ids: dict[int, str], depth: int) -> Block:
        if depth > DEPTH_MAX:
            raise Fault(element.place, f"Groups are nested more than {DEPTH_MAX} deep.")
        reader = self.reader
        fields: list[Field] = []
        groups: list[Group] = []
        data: list[Data] = []
        names: set[str] = set()
        cursor = 0
        newest = {"field": 0, "group": 0, "data": 0}
        for child in element.children:
            try:
                name = reader.name(child)
                if child.tag not in newest:
                    raise Fault(child.place, f'"{name}": this element does not belong into a message or group.')
                if name in names:
                    raise Fault(child.place, f'There are two elements with the name "{name}" here.')
                names.add(name)
                id = reader.integer(child, "id", None)
                self._note_id(child, name, id, field_ids)
                if child.tag == "field":
                    if groups or data:
                        raise Fault(child.place, f'The field "{name}" stands after a group or data; fields come first.')
                    offset = offset_of(reader, child, cursor)
                    field = self._field(child, name, id, offset)
                    cursor = offset + field.size
                    fields.append(field)
                    since = field.notes.since
                elif child.tag == "group":
                    if data:
                        raise Fault(child.place, f'The group "{name}" stands after data; groups come before data.')
                    notes = reader.notes(child)
                    groups.append(self._group(child, name, id, field_ids, depth, notes))
                    since = notes.since
                else:
                    data.append(self._data(child, name, id))
                    since = data[-1].notes.since
                if since < newest[child.tag]:
                    reader.warn(
                        child.place,
                        f'"{name}" (since version {since}) stands after an element since version {newest[child.tag]}; '
                        "additions belong at the end.",
                    )
                newest[child.tag] = max(newest[child.tag], since)
            except Fault as fault:
                reader.error(fault.problem)
        length = reader.integer(element, "blockLength", cursor)
        assert length is not None
        if length < cursor:
            raise Fault(
                element.place,
                f'blockLength="{length}" of "{element.get("name")}" is less than the {cursor} bytes of its fields.',
            )
        return Block(length, cursor, tuple(fields), tuple(groups), tuple(data))

    def _group(
        self, element: Element, name: str, id: int | None, field_ids: dict[int, str], depth: int, notes: Notes
    ) -> Group:
        dimension = self._dimension(element)
        block = self._block(element, field_ids, depth + 1)
        if block.length > dimension.block_length.maximum:
            raise Fault(element.place, f'The block of "{name}" has {block.length} bytes; its dimension cannot say so.')
        return Group(name, id, dimension, block, notes)

    def _note_id(self, element: Element, name: str, id: int | None, field_ids: dict[int, str]) -> None:
        if id is None:
            self.reader.warn(element.place, f'"{name}" has no id.')
        elif id in field_ids:
            self.reader.warn(element.place, f'"{name}" has the id {id} of "{field_ids[id]}" in this message.')
        else:
            field_ids[id] = name

    def _field(self, element: Element, name: str, id: int | None, offset: int) -> Field:
        type_name = element.get("type")
        if type_name is None:
            reference = element.get("valueRef")
            if reference is None:
                raise Fault(element.place, f'The field "{name}" has no type.')
            type_name = reference.strip().rpartition(".")[0]
        encoding = self.types.resolve(type_name.strip(), element.place)
        if isinstance(encoding, Scalar) and encoding.length == 0 and encoding.presence != "constant":
            raise Fault(element.place, f'The field "{name}" is of the variable type "{encoding.name}".')
        field = make_field(self.types, element, encoding, name, id, offset)
        declared = encoding.notes.semantic_type
        if field.notes.semantic_type and declared and field.notes.semantic_type != declared:
            self.reader.warn(
                element.place,
                f'"{name}" says semanticType="{field.notes.semantic_type}", its type says "{declared}".',
            )
        return field

    def _data(self, element: Element, name: str, id: int | None) -> Data:
        type_name = element.get("type")
        if type_name is None:
            raise Fault(element.place, f'The data "{name}" has no type.')
        composite = self.types.resolve(type_name.strip(), element.place)
        if not isinstance(composite, Composite):
            raise Fault(element.place, f'The type "{type_name}" of the data "{name}" is not a composite.')
        length = self._counter(composite, "length", required=True)
        assert length is not None
        payload = composite.member("varData")
        if payload is None:
            raise Fault(composite.notes.place, f'The composite "{composite.name}" has no member "varData".')
        scalar = payload.encoding
        if not isinstance(scalar, Scalar) or scalar.primitive.size != 1:
            raise Fault(payload.notes.place, f'"varData" of "{composite.name}" is not of one-octet items.')
        if length.primitive is not None and length.maximum == length.primitive.highest:
            # the highest value is the null, and a length is never null
            length = Counter(length.offset, length.primitive, length.minimum, int(length.primitive.maximum))
        presence = self.reader.presence(element, "required")
        return Data(name, id, composite, length, payload.offset, scalar, presence, self.reader.notes(element))
