"""Reading attributes of schema elements: numbers, names, presence, notes, each with a sentence when it is wrong."""

from __future__ import annotations

import re

from wire.sbe.ir import Notes, Presence
from wire.sbe.problems import Fault, Place, Problem
from wire.sbe.source import Element

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TOLERATED_NAME = re.compile(r"[\w.\-]+\Z")
_KNOWN = frozenset(
    {"package", "id", "version", "semanticVersion", "byteOrder", "description", "name", "primitiveType"}
    | {"length", "presence", "nullValue", "minValue", "maxValue", "characterEncoding", "semanticType", "offset"}
    | {
        "sinceVersion",
        "deprecated",
        "valueRef",
        "encodingType",
        "type",
        "blockLength",
        "dimensionType",
        "href",
        "headerType",
    }
)
_IGNORED_PREFIXES = ("xsi:", "xml:")


class Reader:
    """Problems found so far, and the schema version against which `sinceVersion` is checked."""

    def __init__(self) -> None:
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self.version = 0

    def error(self, problem: Problem) -> None:
        if problem not in self.errors:
            self.errors.append(problem)

    def warn(self, place: Place, sentence: str) -> None:
        problem = Problem(place, sentence)
        if problem not in self.warnings:
            self.warnings.append(problem)

    def name(self, element: Element) -> str:
        """The `name` attribute: letters, digits and underscores, no digit first.

        Venues also use a leading digit, dots and hyphens: kept, with a warning. Spaces and other signs are refused.
        """
        name = self.any_name(element)
        if not _TOLERATED_NAME.match(name):
            raise Fault(element.place, f'"{name}" is not a name: letters, digits and "_" only, no digit first.')
        return name

    def any_name(self, element: Element) -> str:
        """The `name` of an enumerator or choice: any text, with a warning where it is not a name."""
        name = element.get("name")
        if not name:
            raise Fault(element.place, 'The attribute "name" is missing.')
        if not _NAME.match(name):
            self.warn(element.place, f'"{name}" is not a name by the standard; it is kept as it is.')
        return name

    def integer(self, element: Element, attribute: str, default: int | None, minimum: int = 0) -> int | None:
        text = element.get(attribute)
        if text is None:
            return default
        try:
            value = int(text.strip())
        except ValueError:
            raise Fault(element.place, f'{attribute}="{text}" is not an integer.') from None
        if value < minimum:
            raise Fault(element.place, f'{attribute}="{text}" is below {minimum}.')
        return value

    def presence(self, element: Element, default: Presence) -> Presence:
        text = element.get("presence")
        match text:
            case None:
                return default
            case "required" | "optional" | "constant":
                return text
        raise Fault(element.place, f'presence="{text}" is none of required, optional, constant.')

    @staticmethod
    def foreign(element: Element) -> tuple[tuple[str, str], ...]:
        """Attributes that the standard does not know, as written: metadata."""
        return tuple(
            (key, value)
            for key, value in element.attributes.items()
            if key not in _KNOWN and not key.startswith(_IGNORED_PREFIXES)
        )

    def notes(self, element: Element, *, is_on_wire: bool = True) -> Notes:
        """What the element says of itself. A version that the schema has not reached is an error only `is_on_wire`:
        for a type, an enumerator or a choice it is documentation."""
        since = self.integer(element, "sinceVersion", 0) or 0
        if since > self.version:
            name = element.get("name")
            sentence = f'sinceVersion="{since}" of "{name}" is above the schema\'s version {self.version}.'
            if is_on_wire:
                raise Fault(element.place, sentence)
            self.warn(element.place, sentence)
        deprecated = self.integer(element, "deprecated", None)
        if deprecated is not None and deprecated > self.version:
            self.warn(element.place, f"It is deprecated from version {deprecated}, which the schema has not reached.")
        return Notes(
            place=element.place,
            description=element.get("description") or "",
            semantic_type=element.get("semanticType") or "",
            since=since,
            deprecated=deprecated,
            attributes=self.foreign(element),
        )
