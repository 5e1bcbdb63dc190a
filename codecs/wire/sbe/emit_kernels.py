"""A schema's modules for kernels that read groups and data, and for numpy: `<stem>_kernels.py`, `<stem>_dtypes.py`.

`check_M(buf, at, block_length, version, layout)` walks message M once and proves every extent; then nothing more need
be tested: `get_M_group_field(buf, entry)` of the accessor module reads any field of an entry of full length. `layout`
(int64, `M_LAYOUT_WORDS` long) gets three words a group (first entry, distance, entries) at `M_group_LAYOUT` and two a
data field (first byte, length) at `M_data_LAYOUT`; -1 stands for one that is not in the acting version. Entries that
hold groups or data are walked: `check_M_group(buf, entry, distance, version, layout)` gives where the next one starts
and puts what is inside this one into `layout`, at `M_group_inner_LAYOUT`, `inner` being its name.

`has_M_field(version, block_length)` says whether a field is there in a short block or an older version: only then may
it be read. What only a newer schema knows is not skipped: a message ends where the known part of it ends.
"""

from __future__ import annotations

from wire.sbe.c_names import Names, identifier
from wire.sbe.emit_c import CODES
from wire.sbe.ir import Schema
from wire.sbe.plan import BodyPlan, CounterPlan, DataPlan, DimensionPlan, GroupPlan, Node, plan_messages

_DTYPES = {
    **{"b": "i1", "B": "u1", "h": "i2", "H": "u2", "i": "i4", "I": "u4", "q": "i8", "Q": "u8"},
    **{"f": "f4", "d": "f8"},
}


def emit_kernels(schema: Schema, source: str, stem: str) -> dict[str, str]:
    """File name to text of `<stem>_kernels.py` and `<stem>_dtypes.py`; `source` is named in their first lines."""
    order = ">" if schema.big_endian else "<"
    emitter = _Kernels(order, schema)
    plans = plan_messages(schema, order)
    for plan in plans:
        emitter.message(identifier(plan.message.name), plan.body)
    loads = [f'_load_{kind} = getter("{kind}")' for kind in sorted(emitter.kinds)]
    refusals = [f"{code} = {-number}" for number, code in enumerate(CODES, 1)]
    kernels = [
        f'"""Kernels of `{source}` that check messages, made by `pitwire sbe generate`; not to be edited.',
        "",
        "`check_M(buf, at, block_length, version, layout)`: the end of the message whose root block stands at `at` in",
        "the uint8 array `buf`, or one of the negative codes below, before anything outside `buf` is read.",
        '"""',
        "",
        "import numpy as np",
        "",
        "from native.jit import inner_kernel",
        "from native.lowlevel import getter",
        "",
        *refusals,
        "",
        *loads,
        *emitter.lines,
    ]
    dtypes = [
        f'"""numpy dtypes of the blocks of `{source}`, made by `pitwire sbe generate`; not to be edited.',
        "",
        'Explicit offsets and sizes: np.frombuffer(octets, M_group_DTYPE, count, first) is a view of a group."""',
        "",
        "import numpy as np",
    ]
    names = Names()
    for plan in plans:
        dtypes += _dtypes(plan.message.name, plan.body, order, names)
    return {
        f"{stem}_kernels.py": "\n".join(kernels) + "\n",
        f"{stem}_dtypes.py": "\n".join(dtypes) + "\n",
    }


class _Kernels:
    def __init__(self, order: str, schema: Schema) -> None:
        self.suffix = "be" if order == ">" else ""
        self.lines: list[str] = []
        self.kinds: set[str] = set()
        self.names = Names()

    def message(self, name: str, plan: BodyPlan) -> None:
        """Everything of one message."""
        words, constants = self.body(name, plan, 0, top=True)
        self.lines += ["", "", *constants, f"{name}_LAYOUT_WORDS = {max(words, 1)}"]

    def body(self, name: str, plan: BodyPlan, base: int, *, top: bool) -> tuple[int, list[str]]:
        """The check of a message or of one entry, after those of the entries in it.

        Gives the words of a layout up to the end of this part, and the constants that name them.
        """
        own = base + 3 * len(plan.groups) + 2 * len(plan.data)
        words, constants = own, []
        for group in plan.groups:
            inner = self.body(f"{name}_{identifier(group.name)}", group.body, own, top=False)
            words = max(words, inner[0])
            constants += inner[1]
        self._has(name, plan)
        if not top and not plan.groups and not plan.data:
            return words, constants
        out: list[str] = []
        word = base
        for group in plan.groups:
            constants.append(f"{name}_{identifier(group.name)}_LAYOUT = {word}")
            out += self._group(name, group, word)
            word += 3
        for data in plan.data:
            constants.append(f"{name}_{identifier(data.name)}_LAYOUT = {word}")
            out += self._data(data, word)
            word += 2
        self.lines += [
            "",
            "",
            "@inner_kernel",
            f"def check_{name}(buf, at, block_length, version, layout):",
            "    end = np.int64(buf.size)",
            "    at = np.int64(at)",
            "    if at < 0 or block_length < 0 or at > end or block_length > end - at:",
            f"        return {'TRUNCATED_BLOCK' if top else 'GROUP_OVERRUN'}",
            "    at += block_length",
            *out,
            "    return at",
        ]
        return words, constants

    def _has(self, symbol: str, plan: BodyPlan) -> None:
        for leaf in plan.block.leaves:
            if leaf.since:
                name = self.names.free(f"has_{symbol}_{leaf.node.name}")
                self.lines += [
                    "",
                    "",
                    "@inner_kernel",
                    f"def {name}(version, block_length):",
                    f"    return version >= {leaf.since} and block_length >= {leaf.offset + leaf.size}",
                ]

    def _read(self, counter: CounterPlan, at: str) -> str:
        primitive = counter.counter.primitive
        if primitive is None:
            return f"np.int64({counter.counter.constant})"
        kind = primitive.kind + (self.suffix if primitive.size > 1 else "")
        self.kinds.add(kind)
        return f"_load_{kind}({at}, at + {counter.offset})"

    @staticmethod
    def _range(counter: CounterPlan, name: str) -> str:
        """A u64 above 2^63 - 1 is negative here: outside of every range."""
        high = min(counter.counter.maximum, (1 << 63) - 1)
        return f"not {counter.counter.minimum} <= {name} <= {high}"

    def _group(self, owner: str, group: GroupPlan, word: int) -> list[str]:
        dimension, body = group.dimension, group.body
        is_rows = not body.groups and not body.data
        lines = [
            f"if end - at < {dimension.size}:",
            "    return TRUNCATED_DIMENSION",
            f"stride = {self._read(dimension.block_length, 'buf')}",
            f"count = {self._read(dimension.count, 'buf')}",
            f"if {self._range(dimension.count, 'count')}:",
            "    return COUNT_OUT_OF_RANGE",
            f"at += {dimension.size}",
            f"if {_too_long(dimension)}:",
            "    return GROUP_OVERRUN",
        ]
        if is_rows:
            has_fields = body.length_in(0) > 0
            lines += [
                f"if stride == 0 and count > {0 if has_fields else 65535}:",
                f"    return {'STRIDE_ZERO' if has_fields else 'GROUP_OVERRUN'}",
            ]
        lines += [f"layout[{word}] = at", f"layout[{word + 1}] = stride", f"layout[{word + 2}] = count"]
        if is_rows:
            lines.append("at += stride * count")
        else:
            lines += [
                "first = at",
                "for _ in range(count):",
                f"    at = check_{owner}_{identifier(group.name)}(buf, at, stride, version, layout)",
                "    if at < 0:",
                "        return at",
                "    if at == first and count > 65535:",
                "        return GROUP_OVERRUN",
            ]
        return self._since(group.since, lines, [f"layout[{word}] = -1", f"layout[{word + 2}] = 0"])

    def _data(self, data: DataPlan, word: int) -> list[str]:
        lines = [
            f"if end - at < {data.size}:",
            "    return TRUNCATED_LENGTH",
            f"length = {self._read(data.length, 'buf')}",
            f"if length < 0 or length > end - at - {data.size}:",
            "    return DATA_OVERRUN",
            f"if {self._range(data.length, 'length')}:",
            "    return LENGTH_OUT_OF_RANGE",
            f"layout[{word}] = at + {data.size}",
            f"layout[{word + 1}] = length",
            f"at += {data.size} + length",
        ]
        return self._since(data.since, lines, [f"layout[{word}] = -1", f"layout[{word + 1}] = 0"])

    @staticmethod
    def _since(since: int, lines: list[str], otherwise: list[str]) -> list[str]:
        if not since:
            return [f"    {line}" for line in lines]
        return [
            f"    if version >= {since}:",
            *(f"        {line}" for line in lines),
            "    else:",
            *(f"        {line}" for line in otherwise),
        ]


def _too_long(dimension: DimensionPlan) -> str:
    """A condition: the entries do not fit into what is left; without a division where the product cannot wrap."""
    primitives = dimension.block_length.counter.primitive, dimension.count.counter.primitive
    if all(primitive is None or primitive.size <= 4 for primitive in primitives) and not all(
        primitive is None or primitive.size == 4 for primitive in primitives
    ):
        return "stride * count > end - at"
    return "count > 0 and (stride < 0 or (stride > 0 and count > (end - at) // stride))"


def _dtypes(name: str, plan: BodyPlan, order: str, names: Names) -> list[str]:
    out = [f"{names.free(f'{name}_DTYPE')} = np.dtype({_dtype(plan.block.nodes, plan, 0, plan.length, order)})"]
    for group in plan.groups:
        out += _dtypes(f"{name}_{group.name}", group.body, order, names)
    return out


def _dtype(nodes: list[Node], plan: BodyPlan, base: int, itemsize: int, order: str) -> str:
    """Python source of a structured dtype; composites are nested."""
    kept = [node for node in nodes if node.kind != "constant" and (node.index >= 0 or node.leaves)]
    formats = ", ".join(_format(node, plan, order) for node in kept)
    offsets = ", ".join(str(node.offset - base) for node in kept)
    return (
        f'{{"names": {[node.name for node in kept]!r}, "formats": [{formats}], "offsets": [{offsets}], '
        f'"itemsize": {itemsize}}}'
    )


def _format(node: Node, plan: BodyPlan, order: str) -> str:
    leaves = plan.block.leaves
    if node.kind == "composite":
        end = max(leaves[index].offset + leaves[index].size for index in node.leaves)
        return _dtype(node.members, plan, node.offset, end - node.offset, order)
    leaf = leaves[node.index]
    if node.items is None:
        return f'"{order}{_DTYPES[leaf.code]}"'
    if node.kind == "text":
        return f'"S{leaf.size}"'
    count, code = node.items.format[1:-1], node.items.format[-1]
    return f'("{order}{_DTYPES[code]}", ({count},))'
