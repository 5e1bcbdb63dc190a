"""Schema text to a tree of elements that know their lines.

Namespaces are ignored on purpose: schemas in use declare the 2016 namespace, older ones, wrong ones or none. Prefixed
attributes stay as they are written (`mbx:exponent`): they are metadata. `include` elements (XInclude) are replaced by
the root of the file they name. Entities and external subsets are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from wire.sbe.problems import Fault, Place

INCLUDE_FOLDER = Path(__file__).parent / "include"
"""Files that schemas include by custom; looked at after the folder of the including file."""
INCLUDE_DEPTH_MAX = 16
ELEMENT_DEPTH_MAX = 100
SCHEMA_BYTES_MAX = 64 << 20


@dataclass(slots=True)
class Element:
    """One XML element: local name, attributes, text before the first child, children."""

    tag: str
    attributes: dict[str, str]
    place: Place
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


def read_tree(path: Path, depth: int = 0) -> Element:
    """The root element of a file, with its includes in place. Raises `Fault` for text that is not XML."""
    place = Place(str(path), 1, "messageSchema")
    try:
        size = path.stat().st_size
        text = path.read_bytes()
    except OSError as error:
        raise Fault(place, f"The file cannot be read: {error.strerror or error}.") from error
    if size > SCHEMA_BYTES_MAX:
        raise Fault(place, f"The file is larger than {SCHEMA_BYTES_MAX >> 20} MiB; that is not a schema.")
    root = parse_tree(text, str(path))
    _resolve_includes(root, path, depth)
    return root


def parse_tree(text: bytes, file: str) -> Element:
    """The root element of schema text; `file` is what the places say. Includes are left in place."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    roots: list[Element] = []
    stack: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        tag = name.rpartition(":")[2]
        kept = {key: value for key, value in attributes.items() if key != "xmlns" and not key.startswith("xmlns:")}
        element = Element(tag, kept, Place(file, parser.CurrentLineNumber, tag))
        if len(stack) >= ELEMENT_DEPTH_MAX:
            raise Fault(element.place, f"Elements are nested more than {ELEMENT_DEPTH_MAX} deep.")
        (stack[-1].children if stack else roots).append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def characters(data: str) -> None:
        if stack and not stack[-1].children:
            stack[-1].text += data

    def entity(*_args: object) -> None:
        raise Fault(Place(file, parser.CurrentLineNumber, "!ENTITY"), "A schema may not declare entities.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        element = stack[-1].tag if stack else "messageSchema"
        reason = expat.ErrorString(error.code)
        raise Fault(
            Place(file, error.lineno, element), f"The XML is malformed at column {error.offset}: {reason}."
        ) from error
    except (ValueError, LookupError) as error:  # an encoding that expat or Python does not know
        raise Fault(Place(file, 1, "messageSchema"), f"The XML cannot be read: {error}.") from error
    return roots[0]


def _resolve_includes(element: Element, path: Path, depth: int) -> None:
    for index, child in enumerate(element.children):
        if child.tag != "include" or child.get("href") is None:
            _resolve_includes(child, path, depth)
            continue
        href = child.attributes["href"]
        if depth >= INCLUDE_DEPTH_MAX:
            raise Fault(child.place, f"Includes are nested more than {INCLUDE_DEPTH_MAX} deep; do they form a circle?")
        candidates = (path.parent / href, INCLUDE_FOLDER / href)
        found = next((candidate for candidate in candidates if candidate.is_file()), None)
        if found is None:
            raise Fault(child.place, f'The included file "{href}" is not beside "{path.name}".')
        element.children[index] = read_tree(found, depth + 1)
