"""The `<types>` of a schema: types, enums, sets and composites, resolved by name on demand.

Decisions (SBE.md 5.3 has the reasons): an enum's null is its own nullValue, else that of its encodingType, else the
primitive's. An enumerator equal to the null is accepted with a warning. A nullValue without presence="optional" is
kept with a warning, because a field may make the type optional. Character constants take their length from their text.
"""

from __future__ import annotations

from wire.sbe.ir import BitSet, Choice, Composite, Encoding, Enum, EnumMember, Field, Notes, Presence, Scalar
from wire.sbe.primitives import PRIMITIVES, NumberFault, Primitive, parse_value
from wire.sbe.problems import Fault, Place
from wire.sbe.reading import Reader
from wire.sbe.source import Element

TYPE_BYTES_MAX = 1 << 24
REFERENCE_DEPTH_MAX = 64
LEAVES_MAX = 1 << 14
"""Values in one composite with all that is in it: references to references must not grow without end."""
_TYPE_TAGS = ("type", "enum", "set", "composite")


class Types:
    """Named types. `resolve` builds a type the first time its name is used."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._elements: dict[str, Element] = {}
        self._resolved: dict[str, Encoding] = {}
        self._failed: dict[str, Fault] = {}
        self._open: list[str] = []

    def declare(self, block: Element) -> None:
        """Note the types of one `<types>` block; forward references are legal, so nothing is resolved yet."""
        for element in block.children:
            try:
                if element.tag == "types":  # an included file
                    self.declare(element)
                    continue
                if element.tag not in _TYPE_TAGS:
                    raise Fault(element.place, "This element does not belong into <types>.")
                name = self.reader.name(element)
                if name in self._elements:
                    first = self._elements[name].place.line
                    raise Fault(element.place, f'The type "{name}" is declared twice, first in line {first}.')
                self._elements[name] = element
            except Fault as fault:
                self.reader.error(fault.problem)

    def resolve_all(self) -> dict[str, Encoding]:
        """Every named type, in schema order."""
        for name, element in self._elements.items():
            try:
                self.resolve(name, element.place)
            except Fault as fault:
                self.reader.error(fault.problem)
        return {name: self._resolved[name] for name in self._elements if name in self._resolved}

    def resolve(self, name: str, user: Place) -> Encoding:
        """The type of that name, or the primitive. Raises `Fault` where there is none."""
        if name in self._resolved:
            return self._resolved[name]
        if name in self._failed:
            raise self._failed[name]
        element = self._elements.get(name)
        if element is None:
            if name in PRIMITIVES:
                bare = _bare(PRIMITIVES[name], user)
                self._resolved[name] = bare
                return bare
            raise Fault(user, f'The type "{name}" is not declared.')
        if name in self._open:
            circle = " -> ".join([*self._open[self._open.index(name) :], name])
            raise Fault(user, f'The type "{name}" contains itself: {circle}.')
        if len(self._open) >= REFERENCE_DEPTH_MAX:
            raise Fault(user, f"Types refer to types more than {REFERENCE_DEPTH_MAX} deep.")
        self._open.append(name)
        try:
            built = self.build(element)
        except Fault as fault:
            self._failed[name] = fault
            raise
        finally:
            self._open.pop()
        self._resolved[name] = built
        return built

    def build(self, element: Element) -> Encoding:
        """The type that an element declares."""
        match element.tag:
            case "type":
                return self._scalar(element)
            case "enum":
                return self._enum(element)
            case "set":
                return self._set(element)
            case "composite":
                return self._composite(element)
        raise Fault(element.place, "This element declares no type.")

    def constant_of(self, reference: str, user: Place) -> int:
        """The value of `Enum.Value`."""
        enum_name, dot, value_name = reference.strip().rpartition(".")
        if not dot:
            raise Fault(user, f'valueRef="{reference}" is not of the form Enum.Value.')
        encoding = self.resolve(enum_name, user)
        if not isinstance(encoding, Enum):
            raise Fault(user, f'valueRef="{reference}": "{enum_name}" is not an enum.')
        for member in encoding.members:
            if member.name == value_name:
                return member.value
        raise Fault(user, f'valueRef="{reference}": the enum "{enum_name}" has no value "{value_name}".')

    # --- type

    def _scalar(self, element: Element) -> Scalar:
        reader = self.reader
        name = reader.name(element)
        primitive_name = element.get("primitiveType")
        if primitive_name is None:
            raise Fault(element.place, f'The type "{name}" has no primitiveType.')
        primitive = PRIMITIVES.get(primitive_name.strip())
        if primitive is None:
            raise Fault(element.place, f'primitiveType="{primitive_name}" of "{name}" is not a primitive type.')
        presence = reader.presence(element, "required")
        length = reader.integer(element, "length", 1)
        assert length is not None
        constant: int | float | str | None = None
        if primitive.size * length > TYPE_BYTES_MAX:
            raise Fault(element.place, f'The type "{name}" is longer than {TYPE_BYTES_MAX >> 20} MiB.')
        if presence == "constant":
            constant, length = self._constant(element, primitive, length)
        null_text = element.get("nullValue")
        null = self._value(element, "nullValue", primitive, primitive.null)
        if null_text is not None:
            if presence == "required":
                reader.warn(element.place, f'nullValue of "{name}" has no effect unless presence is optional.')
            elif presence == "constant":
                reader.warn(element.place, f'nullValue of the constant "{name}" has no effect.')
            if primitive.is_char and len(null_text) == 1 and null_text.isdecimal():
                reader.warn(
                    element.place, f'nullValue="{null_text}" of "{name}" is read as the character, not as the number.'
                )
        minimum = self._value(element, "minValue", primitive, primitive.minimum)
        maximum = self._value(element, "maxValue", primitive, primitive.maximum)
        if minimum > maximum:
            raise Fault(element.place, f'minValue of "{name}" is above its maxValue.')
        return Scalar(
            name=name,
            primitive=primitive,
            length=length,
            presence=presence,
            null=null,
            minimum=minimum,
            maximum=maximum,
            constant=constant,
            character_encoding=(element.get("characterEncoding") or "").strip(),
            notes=reader.notes(element, is_on_wire=False),
            is_array=length != 1 or (isinstance(constant, str) and len(constant) != 1),
            range_declared=element.get("minValue") is not None or element.get("maxValue") is not None,
        )

    def _constant(self, element: Element, primitive: Primitive, length: int) -> tuple[int | float | str, int]:
        name = element.get("name")
        reference = element.get("valueRef")
        if reference is not None:
            value = self.constant_of(reference, element.place)
            if not primitive.lowest <= value <= primitive.highest:
                raise Fault(element.place, f'The constant {value} of "{name}" does not fit into {primitive.name}.')
            return (chr(value) if primitive.is_char else value), 1
        if primitive.is_char:
            text = element.text if len(element.text) == 1 else element.text.strip()
            if not text:
                raise Fault(element.place, f'The constant "{name}" has no value.')
            if not text.isascii() and not element.get("characterEncoding"):
                self.reader.warn(element.place, f'The constant "{name}" is not ASCII.')
            if element.get("length") is not None and len(text) > max(length, 1):
                self.reader.warn(element.place, f'The constant "{text}" is longer than its declared length {length}.')
            return text, max(len(text), length)
        if not element.text.strip():
            raise Fault(element.place, f'The constant "{name}" has no value.')
        return self._number(element, element.text, primitive, f'The constant "{name}"'), 1

    def _value(self, element: Element, attribute: str, primitive: Primitive, default: int | float) -> int | float:
        text = element.get(attribute)
        if text is None:
            return default
        if not text:
            self.reader.warn(element.place, f'{attribute} of "{element.get("name")}" is empty and counts as not given.')
            return default
        return self._number(element, text, primitive, f'{attribute} of "{element.get("name")}"')

    @staticmethod
    def _number(element: Element, text: str, primitive: Primitive, what: str) -> int | float:
        try:
            return parse_value(text, primitive)
        except NumberFault as fault:
            raise Fault(element.place, f"{what}: {fault}.") from None

    # --- enum and set

    def _encoding_type(self, element: Element) -> Scalar:
        name = element.get("encodingType")
        if name is None:
            raise Fault(element.place, f'"{element.get("name")}" has no encodingType.')
        encoding = self.resolve(name.strip(), element.place)
        if not isinstance(encoding, Scalar) or encoding.length != 1 or encoding.presence == "constant":
            raise Fault(element.place, f'encodingType="{name}" of "{element.get("name")}" is not a single primitive.')
        return encoding

    def _enum(self, element: Element) -> Enum:
        reader = self.reader
        name = reader.name(element)
        encoding = self._encoding_type(element)
        primitive = encoding.primitive
        if primitive.is_float:
            raise Fault(element.place, f'The enum "{name}" cannot be encoded as {primitive.name}.')
        null = int(self._value(element, "nullValue", primitive, encoding.null))
        members: list[EnumMember] = []
        names: dict[str, int] = {}
        for child in element.children:
            if child.tag != "validValue":
                raise Fault(child.place, f'The enum "{name}" may hold validValue elements only.')
            member_name = reader.any_name(child)
            if not child.text.strip() and not (primitive.is_char and len(child.text) == 1):
                raise Fault(child.place, f'The value "{member_name}" of the enum "{name}" is empty.')
            value = int(self._number(child, child.text, primitive, f'The value "{member_name}" of "{name}"'))
            if names.get(member_name, value) != value:
                raise Fault(child.place, f'The enum "{name}" has the name "{member_name}" twice.')
            if value in names.values():
                reader.warn(
                    child.place, f'The enum "{name}" has the value {child.text.strip()} twice; the first name counts.'
                )
            if value == null:
                reader.warn(child.place, f'The value "{member_name}" of "{name}" equals the null value {null}.')
            names[member_name] = value
            members.append(EnumMember(member_name, value, reader.notes(child, is_on_wire=False)))
        if not members:
            reader.warn(element.place, f'The enum "{name}" has no values.')
        presence = reader.presence(element, "required")
        return Enum(name, primitive, presence, null, tuple(members), reader.notes(element, is_on_wire=False))

    def _set(self, element: Element) -> BitSet:
        reader = self.reader
        name = reader.name(element)
        primitive = self._encoding_type(element).primitive
        if not primitive.is_unsigned:
            raise Fault(element.place, f'The set "{name}" is encoded as {primitive.name}; it must be unsigned.')
        choices: list[Choice] = []
        for child in element.children:
            if child.tag != "choice":
                raise Fault(child.place, f'The set "{name}" may hold choice elements only.')
            choice_name = reader.any_name(child)
            try:
                bit = int(child.text.strip())
            except ValueError:
                raise Fault(child.place, f'The choice "{choice_name}" of "{name}" has no bit number.') from None
            if not 0 <= bit < 8 * primitive.size:
                raise Fault(child.place, f'Bit {bit} of "{choice_name}" is outside {primitive.name} of "{name}".')
            if any(choice.name == choice_name for choice in choices):
                raise Fault(child.place, f'The set "{name}" has the name "{choice_name}" twice.')
            if any(choice.bit == bit for choice in choices):
                reader.warn(child.place, f'The set "{name}" has bit {bit} twice.')
            choices.append(Choice(choice_name, bit, reader.notes(child, is_on_wire=False)))
        return BitSet(name, primitive, tuple(choices), reader.notes(element, is_on_wire=False))

    # --- composite

    def _composite(self, element: Element) -> Composite:
        reader = self.reader
        name = reader.name(element)
        cursor = 0
        members: list[Field] = []
        for child in element.children:
            member_name = reader.name(child)
            if any(member.name == member_name for member in members):
                raise Fault(child.place, f'The composite "{name}" has the member "{member_name}" twice.')
            if child.tag == "ref":
                type_name = child.get("type")
                if type_name is None:
                    raise Fault(child.place, f'The ref "{member_name}" has no type.')
                encoding = self.resolve(type_name.strip(), child.place)
            elif child.tag in _TYPE_TAGS:
                encoding = self.build(child)
            else:
                raise Fault(child.place, f'The composite "{name}" may not hold this element.')
            offset = offset_of(reader, child, cursor)
            member = make_field(self, child, encoding, member_name, None, offset)
            cursor = offset + member.size
            members.append(member)
        if not members:
            reader.warn(element.place, f'The composite "{name}" has no members.')
        leaves = sum(m.encoding.leaf_count if isinstance(m.encoding, Composite) else 1 for m in members)
        if leaves > LEAVES_MAX or cursor > TYPE_BYTES_MAX:
            raise Fault(element.place, f'The composite "{name}" is too large: {leaves} values, {cursor} bytes.')
        presence = reader.presence(element, "required")
        return Composite(name, tuple(members), cursor, reader.notes(element, is_on_wire=False), presence, leaves)


def offset_of(reader: Reader, element: Element, cursor: int) -> int:
    """The offset of a field or member: as declared, else right after what is before it."""
    offset = reader.integer(element, "offset", cursor)
    assert offset is not None
    if offset < cursor:
        raise Fault(
            element.place,
            f'offset="{offset}" of "{element.get("name")}" overlaps what is before it, which ends at {cursor}.',
        )
    return offset


def make_field(types: Types, element: Element, encoding: Encoding, name: str, id: int | None, offset: int) -> Field:
    """A field or member: its presence is its own, else that of its type; so are its null and its constant."""
    reader = types.reader
    inherited: Presence = "required" if isinstance(encoding, BitSet) else encoding.presence
    presence = reader.presence(element, inherited) if element.tag != "type" else inherited
    constant: int | float | str | None = None
    reference = (element.get("valueRef") or "").strip() if element.tag == "field" else ""
    if presence == "constant":
        if reference:
            constant = _referenced(types, element, encoding, reference)
        elif isinstance(encoding, Scalar) and encoding.constant is not None:
            constant = encoding.constant
        elif isinstance(encoding, Scalar) and element.tag == "field" and element.text.strip():
            constant = _constant_text(element, encoding)
        else:
            raise Fault(element.place, f'The constant "{name}" has neither a value nor a valueRef.')
    elif isinstance(encoding, Scalar) and encoding.presence == "constant":
        reader.warn(element.place, f'"{name}" is declared {presence}, but its type is a constant; it is a constant.')
        presence, constant = "constant", encoding.constant
    if presence == "optional" and isinstance(encoding, BitSet):
        reader.warn(element.place, f'"{name}" is an optional set; sets have no null value, so it is always present.')
    null: int | float | None = None
    if isinstance(encoding, Enum) or (isinstance(encoding, Scalar) and encoding.length == 1):
        null = encoding.null
    return Field(name, id, encoding, offset, presence, null, constant, reference, reader.notes(element))


def _referenced(types: Types, element: Element, encoding: Encoding, reference: str) -> int | str:
    """The value of a valueRef: a number, or a character where the field's type is char."""
    value = types.constant_of(reference, element.place)
    if not isinstance(encoding, Scalar):
        return value
    primitive = encoding.primitive
    if not primitive.lowest <= value <= primitive.highest:
        raise Fault(element.place, f'valueRef="{reference}" is {value}, which does not fit into {primitive.name}.')
    return chr(value) if primitive.is_char else value


def _constant_text(element: Element, encoding: Scalar) -> int | float | str:
    if encoding.primitive.is_char:
        return element.text.strip()
    try:
        return parse_value(element.text, encoding.primitive)
    except NumberFault as fault:
        raise Fault(element.place, f'The constant "{element.get("name")}": {fault}.') from None


def _bare(primitive: Primitive, user: Place) -> Scalar:
    return Scalar(
        name=primitive.name,
        primitive=primitive,
        length=1,
        presence="required",
        null=primitive.null,
        minimum=primitive.minimum,
        maximum=primitive.maximum,
        constant=None,
        character_encoding="",
        notes=Notes(Place(user.file, 0, "primitive")),
    )
