"""C names for what a schema names: identifiers, no keywords, no two the same."""

from __future__ import annotations

import re

_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "auto break case char const continue default do double else enum extern float for goto if inline "
        "int long register restrict return short signed sizeof static struct switch typedef union "
        "unsigned void volatile while asm typeof bool true false nullptr constexpr alignas alignof "
        "thread_local static_assert class delete export friend mutable namespace new operator private "
        "protected public template this throw try using virtual linux unix errno NULL INT8_MAX INT64_MAX "
        "offsetof",
    )
)


def identifier(text: str) -> str:
    """`text` with every sign that C does not take as `_`."""
    return re.sub(r"^(?=\d)|[^A-Za-z0-9_]", "_", text)


class Names:
    """Names that are given once; a later one that is taken gets underscores at its end."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, text: str) -> str:
        """The name for `text`, now taken."""
        name = identifier(text)
        while name in self._taken or name in _KEYWORDS:
            name += "_"
        self._taken.add(name)
        return name
