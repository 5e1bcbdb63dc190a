"""numpy views of groups: one structured array over the message's own bytes, nothing copied.

Rows are raw wire values: nulls are not replaced, decimals are mantissas, text is bytes. numpy is imported here only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wire.sbe.plan import BlockPlan, Node
from wire.sbe.values import Entries

_CODES = {"b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "q": "i8", "Q": "u8", "f": "f4", "d": "f8"}


def block_dtype(block: BlockPlan, itemsize: int) -> np.dtype[Any]:
    """The dtype of a block: schema names and offsets, the byte order of the schema, composites as nested fields.

    Fields that do not lie wholly within `itemsize` bytes are left out.
    """
    return _dtype([node for node in block.nodes if _end(block, node) <= itemsize], 0, itemsize, block.order, block)


def group_array(entries: Entries) -> np.ndarray[Any, np.dtype[Any]]:
    """The entries as a read-only array of shape (len(entries),), strided by the wire's block length.

    Raises ValueError for entries that hold groups or data themselves: they do not lie at one distance.
    """
    if entries.block_length == 0 or not len(entries):
        return np.zeros(len(entries), block_dtype(entries.plan.block, entries.block_length))
    if not entries.plan.is_fixed_in(entries.version):
        raise ValueError("The entries hold groups or data; only entries that are plain rows make an array.")
    dtype = block_dtype(entries.plan.block, entries.block_length)
    view = np.frombuffer(entries.data, dtype, len(entries), entries.start)
    view.flags.writeable = False
    return view


def _dtype(nodes: list[Node], base: int, itemsize: int, order: str, block: BlockPlan) -> np.dtype[Any]:
    kept = [node for node in nodes if node.kind != "constant"]
    formats = [_format(node, order, block) for node in kept]
    offsets = [node.offset - base for node in kept]
    return np.dtype(
        {"names": [node.name for node in kept], "formats": formats, "offsets": offsets, "itemsize": itemsize}
    )


def _format(node: Node, order: str, block: BlockPlan) -> Any:
    if node.kind == "composite":
        return _dtype(node.members, node.offset, _end(block, node) - node.offset, order, block)
    leaf = block.leaves[node.index]
    if node.kind == "text":
        return f"S{leaf.size}"
    if node.items is not None:
        count, code = node.items.format[1:-1], node.items.format[-1]
        return np.dtype((f"{order}{_CODES[code]}", (int(count),)))
    return f"{order}{_CODES[leaf.code]}"


def _end(block: BlockPlan, node: Node) -> int:
    indexes = node.leaves if node.kind == "composite" else range(node.index, node.index + 1)
    if node.kind == "constant" or not indexes:
        return node.offset
    return max(block.leaves[index].offset + block.leaves[index].size for index in indexes)
