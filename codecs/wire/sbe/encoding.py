"""Values to bytes: every value is checked against its field, every count and length against what the wire can say."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from wire.sbe import refusals
from wire.sbe.ir import BitSet, Enum, Scalar
from wire.sbe.plan import ABSENT, BlockPlan, BodyPlan, CounterPlan, DataPlan, GroupPlan, MessagePlan, Node
from wire.sbe.refusals import EncodeError

if TYPE_CHECKING:
    from wire.sbe.codec import Codec

Fields = Mapping[str, Any]
_MISSING: Any = object()


class Encoder:
    """One message in one version. `plain`: text is latin-1, as `Message.plain()` gives it."""

    def __init__(self, plan: MessagePlan, version: int, *, plain: bool) -> None:
        self.plan = plan
        self.version = version
        self.plain = plain

    def message(self, fields: Fields, header_fields: Fields, codec: Codec) -> bytes:
        """Header and body."""
        return self.header(header_fields, codec) + self.body(fields)

    def header(self, header_fields: Fields, codec: Codec) -> bytes:
        """The message header."""
        header, body = codec.header, self.plan.body
        out = bytearray(header.size)
        if header_fields:
            values = self._block(header.block, {**_zeros(header.block), **header_fields}, "header", [])
            out = header.block.pack(values, header.size)
        known = (
            (header.block_length, body.length_in(self.version), "blockLength"),
            (header.template_id, self.plan.message.id, "templateId"),
            (header.schema_id, codec.schema.id, "schemaId"),
            (header.version, self.version, "version"),
            (header.group_count, self._count(body.groups), "numGroups"),
            (header.data_count, self._count(body.data), "numVarDataFields"),
        )
        for counter, value, what in known:
            if counter is not None and counter.packer is not None:  # a constant is not on the wire
                _write(counter, out, 0, value, f"header.{what}")
        return bytes(out)

    def body(self, fields: Fields) -> bytes:
        """Root block, groups and data."""
        out = bytearray()
        self._body(self.plan.body, fields, "", [], out)
        return bytes(out)

    # --- structure

    def _count(self, parts: Sequence[GroupPlan | DataPlan]) -> int:
        return sum(part.since <= self.version for part in parts)

    def _body(self, plan: BodyPlan, fields: Fields, path: str, scopes: list[Fields], out: bytearray) -> None:
        scopes = self._checked_scopes(plan, fields, path, scopes)
        values = self._block(plan.block, fields, path, scopes)
        out += plan.block.pack(values, plan.length_in(self.version))
        for group in plan.groups:
            if group.since <= self.version:
                self._group(group, fields.get(group.name), _join(path, group.name), scopes, out)
        for data in plan.data:
            if data.since <= self.version:
                self._data(data, fields.get(data.name), _join(path, data.name), out)

    @staticmethod
    def _checked_scopes(plan: BodyPlan, fields: Fields, path: str, scopes: list[Fields]) -> list[Fields]:
        """`fields`, all of them known, before the fields of the blocks around."""
        if not isinstance(fields, Mapping):
            raise EncodeError(refusals.WRONG_VALUE, f"{path or 'The message'} is not a mapping of names.", path)
        for name in fields:
            if name not in plan.names:
                raise EncodeError(refusals.UNKNOWN_FIELD, f"There is no field {_join(path, name)}.", _join(path, name))
        return [fields, *scopes]

    @staticmethod
    def _entries(group: GroupPlan, entries: Any, path: str) -> Sequence[Any]:
        """The entries of a group, as many as its dimension allows."""
        if entries is None or _is_absent(entries):
            entries = ()
        if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes)):
            raise EncodeError(refusals.WRONG_VALUE, f"{path} is a group; it takes a list of entries.", path)
        counter = group.dimension.count.counter
        if not counter.minimum <= len(entries) <= counter.maximum:
            raise EncodeError(
                refusals.COUNT_OUT_OF_RANGE,
                f"{path} has {len(entries)} entries; {counter.minimum} to {counter.maximum} are allowed.",
                path,
            )
        return entries

    def _group(self, group: GroupPlan, entries: Any, path: str, scopes: list[Fields], out: bytearray) -> None:
        entries = self._entries(group, entries, path)
        dimension = group.dimension
        head = bytearray(dimension.size)
        _write(dimension.block_length, head, 0, group.body.length_in(self.version), f"{path}.blockLength")
        _write(dimension.count, head, 0, len(entries), f"{path}.numInGroup")
        for count, parts in ((dimension.group_count, group.body.groups), (dimension.data_count, group.body.data)):
            if count is not None:
                _write(count, head, 0, self._count(parts), path)
        out += head
        for index, entry in enumerate(entries):
            self._body(group.body, entry, f"{path}[{index}]", scopes, out)

    def _octets(self, data: DataPlan, value: Any, path: str) -> bytes:
        """The bytes of a data field, as many as its length can say."""
        if value is None or _is_absent(value):
            octets = b""
        elif isinstance(value, Mapping):
            octets = _from_hex(value.get("hex"), path)
        elif isinstance(value, str):
            octets = self._text(value, data.character_encoding or "utf-8", path)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            octets = bytes(value)
        else:
            raise EncodeError(refusals.WRONG_VALUE, f"{path} takes bytes, text or hex, not {value!r}.", path)
        counter = data.length.counter
        if not counter.minimum <= len(octets) <= counter.maximum:
            raise EncodeError(
                refusals.LENGTH_OUT_OF_RANGE,
                f"{path} has {len(octets)} bytes; {counter.minimum} to {counter.maximum} are allowed.",
                path,
            )
        return octets

    def _data(self, data: DataPlan, value: Any, path: str, out: bytearray) -> None:
        octets = self._octets(data, value, path)
        head = bytearray(data.size)
        _write(data.length, head, 0, len(octets), f"{path}.length")
        out += head
        out += octets

    # --- values

    def _block(self, plan: BlockPlan, fields: Fields, path: str, scopes: list[Fields]) -> list[Any]:
        raw: list[Any] = [ABSENT] * len(plan.leaves)
        for node in plan.nodes:
            self._field(node, fields.get(node.name, _MISSING), _join(path, node.name), scopes, raw, node.optional)
        return raw

    def _field(self, node: Node, value: Any, path: str, scopes: list[Fields], raw: list[Any], optional: bool) -> None:
        if value is not _MISSING and _is_absent(value):
            value = _MISSING
        if node.kind == "constant":
            _check_constant(node, value, path)
            return
        if node.since > self.version:
            return
        if node.kind == "composite":
            self._composite(node, value, path, scopes, raw, optional)
        else:
            raw[node.index] = self._leaf(node, value, path, scopes, optional)

    def _composite(
        self, node: Node, value: Any, path: str, scopes: list[Fields], raw: list[Any], optional: bool
    ) -> None:
        if value is None or value is _MISSING:
            if not optional and value is None:
                raise EncodeError(refusals.WRONG_VALUE, f"{path} is required; it cannot be null.", path)
            members: Fields = {}
        elif isinstance(value, Mapping):
            members = value
            for name in members:
                if name not in node.by_name:
                    raise EncodeError(refusals.UNKNOWN_FIELD, f"There is no member {path}.{name}.", f"{path}.{name}")
        else:
            members = self._members(node, value, path)
        for member in node.members:
            given = members.get(member.name, _MISSING)
            inner = optional or member.optional
            self._field(member, given, f"{path}.{member.name}", scopes, raw, inner)

    @staticmethod
    def _members(node: Node, value: Any, path: str) -> Fields:
        """The members of a decimal or a time that is given as one number."""
        if node.exponent is not None:
            return _decimal_members(node, value, path)
        if node.time_unit_ns and isinstance(value, int):
            return {"time": value}
        raise EncodeError(refusals.WRONG_VALUE, f"{path} is a composite; it takes a mapping of its members.", path)

    def _leaf(self, node: Node, value: Any, path: str, scopes: list[Fields], optional: bool) -> Any:
        encoding = node.source.encoding
        assert isinstance(encoding, (Scalar, Enum, BitSet))
        if value is _MISSING:
            return _default(node, encoding, path, optional)
        match node.kind:
            case "text":
                return self._char_array(encoding, value, path)
            case "array":
                return _array(node, value, path)
            case "enum":
                return _enum(node, value, path, optional)
            case "set":
                return _set(node, value, path)
        if value is None:
            if not optional:
                raise EncodeError(refusals.WRONG_VALUE, f"{path} is required; it cannot be null.", path)
            return node.null
        if node.kind == "char":
            return self._char(value, path)
        if node.kind == "float":
            return _float(encoding, value, path)
        if node.exponent_name and not isinstance(value, int):
            value = _mantissa(value, _find(scopes, node.exponent_name), path)
        return _in_range(encoding.primitive.lowest, encoding.primitive.highest, value, path)

    def _char(self, value: Any, path: str) -> int:
        if isinstance(value, str) and len(value) <= 1:
            return self._text(value or "\0", "latin-1", path)[0]
        if isinstance(value, bytes) and len(value) <= 1:
            return value[0] if value else 0
        return _in_range(0, 255, value, path)

    def _char_array(self, encoding: Any, value: Any, path: str) -> bytes:
        if value is None:
            octets = b""
        elif isinstance(value, (bytes, bytearray)):
            octets = bytes(value)
        elif isinstance(value, str):
            octets = self._text(value, encoding.character_encoding or "latin-1", path)
        else:
            raise EncodeError(refusals.WRONG_VALUE, f"{path} takes text, not {value!r}.", path)
        if len(octets) > encoding.size:
            raise EncodeError(
                refusals.WRONG_VALUE, f"{path} has room for {encoding.size} bytes, not {len(octets)}.", path
            )
        return octets.ljust(int(encoding.size), b"\0")

    def _text(self, value: str, character_encoding: str, path: str) -> bytes:
        try:
            return value.encode("latin-1" if self.plain else character_encoding)
        except (LookupError, UnicodeEncodeError):
            raise EncodeError(
                refusals.WRONG_VALUE, f"{path} cannot be written in {character_encoding}: {value!r}.", path
            ) from None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_absent(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("absent") is True and len(value) == 1


def _zeros(plan: BlockPlan) -> dict[str, Any]:
    """Zero for every member of a header that is not a composite; what matters is written over it."""
    return {node.name: _zero(node) for node in plan.nodes if node.kind != "constant"}


def _zero(node: Node) -> Any:
    if node.kind == "composite":
        return {member.name: _zero(member) for member in node.members if member.kind != "constant"}
    if node.kind == "array":
        assert node.items is not None
        return node.items.unpack(bytes(node.items.size))
    return "" if node.kind in ("text", "char") else 0


def _write(counter: CounterPlan, out: bytearray, at: int, value: int, path: str) -> None:
    if not counter.write(out, at, value):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} cannot say {value}.", path)


def _from_hex(text: Any, path: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes hex digits, not {text!r}.", path) from None


def _check_constant(node: Node, value: Any, path: str) -> None:
    """A constant is not written; one that is given must be what the schema says."""
    if isinstance(value, Mapping):
        value = value.get("const", _MISSING)
    item = node.source
    right = (_MISSING, None, item.constant, item.constant_ref, item.constant_ref.rpartition(".")[2])
    if not any(value is one or value == one for one in right):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} is the constant {item.constant!r}, not {value!r}.", path)


def _default(node: Node, encoding: Scalar | Enum | BitSet, path: str, optional: bool) -> Any:
    """What an element has that was not given: null, 0 for sets, or the only value that it may have."""
    if isinstance(encoding, BitSet):
        return 0
    if optional:
        if node.kind == "text":
            return bytes(encoding.size)
        if node.kind == "array":
            assert node.items is not None and isinstance(encoding, Scalar)
            return node.items.pack(*[encoding.null] * encoding.length)
        return node.null
    if isinstance(encoding, Scalar) and encoding.range_declared and encoding.minimum == encoding.maximum:
        return encoding.minimum
    raise EncodeError(refusals.MISSING_FIELD, f"{path} is required and not given.", path)


def _in_range(low: int | float, high: int | float, value: Any, path: str) -> int:
    if not isinstance(value, int):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes an integer, not {value!r}.", path)
    if not low <= value <= high:
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes {low} to {high}, not {value}.", path)
    return int(value)


def _float(encoding: Any, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes a number, not {value!r}.", path)
    try:
        struct.pack(f"<{encoding.primitive.code}", float(value))
    except OverflowError:
        raise EncodeError(refusals.WRONG_VALUE, f"{path}: {value} does not fit into a float.", path) from None
    return float(value)


def _array(node: Node, value: Any, path: str) -> bytes:
    encoding = node.source.encoding
    assert isinstance(encoding, Scalar) and node.items is not None
    if value is None:
        value = [encoding.null] * encoding.length
    if isinstance(value, str) or not isinstance(value, (Sequence, memoryview)):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes a list of {encoding.length} numbers.", path)
    if len(value) != encoding.length:
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes {encoding.length} numbers, not {len(value)}.", path)
    try:
        return node.items.pack(*value)
    except (struct.error, OverflowError, TypeError):
        raise EncodeError(
            refusals.WRONG_VALUE, f"{path}: a number does not fit into {encoding.primitive.name}.", path
        ) from None


def _enum(node: Node, value: Any, path: str, optional: bool) -> int:
    encoding = node.source.encoding
    assert isinstance(encoding, Enum)
    if isinstance(value, Mapping):
        value = value.get("raw", value.get("enum"))
    if value is None:
        if not optional:
            raise EncodeError(refusals.WRONG_VALUE, f"{path} is required; it cannot be null.", path)
        return encoding.null
    if isinstance(value, str):
        if value in node.values:
            return node.values[value]
        if encoding.primitive.is_char and len(value) == 1 and ord(value) < 256:
            return ord(value)
        raise EncodeError(refusals.WRONG_VALUE, f'{path}: {encoding.name} has no value "{value}".', path)
    return _in_range(encoding.primitive.lowest, encoding.primitive.highest, value, path)


def _set(node: Node, value: Any, path: str) -> int:
    encoding = node.source.encoding
    assert isinstance(encoding, BitSet)
    if isinstance(value, Mapping):
        value = value.get("raw", value.get("set"))
    if value is None:
        return 0
    if isinstance(value, int):
        return _in_range(0, encoding.primitive.highest, value, path)
    bits = 0
    for name in [value] if isinstance(value, str) else value:
        if name not in node.values:
            raise EncodeError(refusals.WRONG_VALUE, f'{path}: {encoding.name} has no choice "{name}".', path)
        bits |= 1 << node.values[name]
    return bits


# --- decimals


def _decimal_members(node: Node, value: Any, path: str) -> Fields:
    """Mantissa and exponent of a decimal; where the exponent is on the wire, the number's own (trailing zeros kept)."""
    assert node.exponent is not None
    number = _decimal(value, path)
    if node.exponent.kind == "constant":
        constant = node.exponent.source.constant
        assert isinstance(constant, int)
        return {"mantissa": _mantissa(number, constant, path)}
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    exponent = min(exponent, 0)
    return {"mantissa": _mantissa(number, exponent, path), "exponent": exponent}


def _decimal(value: Any, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise EncodeError(refusals.WRONG_VALUE, f"{path} takes a Decimal, an integer or text, not {value!r}.", path)
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise EncodeError(refusals.WRONG_VALUE, f"{path}: {value!r} is not a number.", path) from None
    if not number.is_finite():
        raise EncodeError(refusals.WRONG_VALUE, f"{path}: {value!r} is not finite.", path)
    return number


def _mantissa(value: Any, exponent: Any, path: str) -> int:
    if isinstance(exponent, bool) or not isinstance(exponent, int):
        raise EncodeError(refusals.WRONG_VALUE, f"{path}: its exponent is not given.", path)
    sign, digits, own = _decimal(value, path).as_tuple()
    assert isinstance(own, int)
    mantissa = int("".join(map(str, digits)) or "0")
    shift = own - exponent
    if abs(shift) > 400:
        raise EncodeError(refusals.WRONG_VALUE, f"{path}: {value} is out of range.", path)
    if shift >= 0:
        mantissa *= 10**shift
    else:
        mantissa, rest = divmod(mantissa, 10**-shift)
        if rest:
            raise EncodeError(refusals.WRONG_VALUE, f"{path}: {value} has more than {-exponent} decimals.", path)
    return int(-mantissa if sign else mantissa)


def _find(scopes: list[Fields], name: str) -> Any:
    return next((scope[name] for scope in scopes if name in scope), None)
