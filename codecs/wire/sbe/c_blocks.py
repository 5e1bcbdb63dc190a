"""The C of one block: its packed overlay with asserts and getters, and the functions that read and write its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wire.sbe.c_names import Names
from wire.sbe.plan import BlockPlan, BodyPlan, GroupPlan, Leaf, Node

_KINDS = {
    **{"b": "i8", "B": "u8", "h": "i16", "H": "u16", "i": "i32", "I": "u32", "q": "i64", "Q": "u64"},
    **{"f": "f32", "d": "f64"},
}
_TYPES = {
    **{"i8": "int8_t", "u8": "uint8_t", "i16": "int16_t", "u16": "uint16_t", "i32": "int32_t", "u32": "uint32_t"},
    **{"i64": "int64_t", "u64": "uint64_t", "f32": "float", "f64": "double"},
}
_KIND_NUMBERS = {"f32": 14, "f64": 18, **{f"{sign}{8 * size}": size for sign in "ui" for size in (1, 2, 4, 8)}}
"""How `store_some` of the runtime writes a value."""


@dataclass(slots=True)
class CLeaf:
    """A value of a block: its place and its C name within the struct."""

    leaf: Leaf
    name: str
    kind: str
    """Kind of the number or of the items."""
    items: int
    """0: a number; else an array of so many items."""


@dataclass(slots=True)
class CBody:
    """A message or the entries of a group."""

    symbol: str
    plan: BodyPlan
    leaves: list[CLeaf]
    groups: list[CGroup] = field(default_factory=list)
    is_rows: bool = False
    """Entries of a group that is not walked."""

    @property
    def mask_words(self) -> int:
        """Words that say which values are present."""
        return (len(self.leaves) + 63) // 64


@dataclass(slots=True)
class CGroup:
    plan: GroupPlan
    body: CBody
    dimension: str
    """Symbol of the functions that read and write the dimension."""


def is_walked(group: GroupPlan) -> bool:
    """Entries may hold something behind their blocks: each one's place is told. Else the group is plain rows."""
    counts = group.dimension.group_count, group.dimension.data_count
    return bool(group.body.groups or group.body.data) or any(count is not None for count in counts)


def leaf_names(block: BlockPlan) -> list[CLeaf]:
    """The leaves of a block with names that are free in its struct."""
    names = Names()
    found: list[CLeaf] = []

    def add(node: Node, prefix: str) -> None:
        path = f"{prefix}{node.name}"
        if node.kind == "composite":
            for member in node.members:
                add(member, f"{path}_")
        elif node.kind != "constant":
            leaf = block.leaves[node.index]
            if node.items is None:
                found.append(CLeaf(leaf, names.free(path), _KINDS[leaf.code], 0))
            else:
                items, code = int(node.items.format[1:-1]), node.items.format[-1]
                found.append(CLeaf(leaf, names.free(path), _KINDS[code], items))

    for node in block.nodes:
        add(node, "")
    return found


def overlay(body: CBody, prefix: str) -> list[str]:
    """The packed struct, an assert for every member, a getter for every number."""
    if not body.plan.length:
        return []
    symbol, names, cursor = body.symbol, Names(), 0
    lines = ["typedef struct __attribute__((packed)) {"]
    asserts: list[str] = []
    getters: list[str] = []
    for item in body.leaves:
        leaf, name = item.leaf, names.free(item.name)
        if leaf.offset > cursor:
            lines.append(f"    uint8_t {names.free(f'padding_{cursor}')}[{leaf.offset - cursor}];")
        cursor = leaf.offset + leaf.size
        if not item.items:
            lines.append(f"    {_TYPES[item.kind]} {name};")
            getters.append(
                f"static inline {_TYPES[item.kind]} {symbol}_{name}(const {symbol} *m) "
                f"{{ return {prefix}_get_{item.kind}(&m->{name}); }}"
            )
        else:
            lines.append(f"    {_TYPES[item.kind]} {name}[{item.items}];")
        asserts.append(
            f"_Static_assert(offsetof({symbol}, {name}) == {leaf.offset} && sizeof((({symbol} *)0)->{name}) == "
            f'{leaf.size}, "{name}");'
        )
        if leaf.since:
            getters.append(
                f"static inline int {symbol}_has_{name}(int64_t version, int64_t block_length) "
                f"{{ return version >= {leaf.since} && block_length >= {cursor}; }}"
            )
    if body.plan.length > cursor:
        lines.append(f"    uint8_t {names.free(f'padding_{cursor}')}[{body.plan.length - cursor}];")
    lines.append(f"}} {symbol};")
    asserts.append(f'_Static_assert(sizeof({symbol}) == {body.plan.length}, "{symbol}");')
    return [*lines, *asserts, *getters, ""]


def block_functions(body: CBody, prefix: str) -> list[str]:
    """`S_leaves`, `S_values` (block to words), `S_store` (words to block), `S_length_in` (bytes in a version)."""
    symbol, lines = body.symbol, _length_in(body)
    if not body.leaves:
        return lines
    used = body.plan.block.used
    lines.append(f"static const {prefix}_leaf {symbol}_leaves[] = {{")
    rows = [
        f"{{{item.leaf.since}, {item.leaf.offset}, {item.leaf.size}, {0 if item.items else _KIND_NUMBERS[item.kind]}}}"
        for item in body.leaves
    ]
    lines += [f"    {', '.join(rows[i : i + 6])}," for i in range(0, len(rows), 6)]
    lines += [
        "};",
        f"PX_INLINE void {symbol}_presence(const PX_walk *w, int64_t block_length, int64_t *out)",
        "{",
        f"    if (__builtin_expect(block_length < {used} || w->version < {body.plan.block.newest}, 0)) {{",
        f"        PX_presence({symbol}_leaves, {len(body.leaves)}, w->version, block_length, out);",
        "        return;",
        "    }",
        *(f"    out[{i}] = (int64_t)UINT64_C({full});" for i, full in enumerate(_full_mask(len(body.leaves)))),
        "}",
        "/* Each value to out[i * distance]; a number's bits, of an array its offset in the buffer. */",
        f"PX_INLINE void {symbol}_values(const PX_walk *w, int64_t at, int64_t block_length, int64_t *out, "
        "int64_t distance)",
        "{",
        "    const uint8_t *p = w->buf + at;",
        f"    uint8_t whole[{used}];",
        f"    if (__builtin_expect(block_length < {used}, 0)) {{",
        "        memset(whole, 0, sizeof whole);",
        "        if (block_length > 0)",
        "            memcpy(whole, p, (size_t)block_length);",
        "        p = whole;",
        "    }",
    ]
    for index, item in enumerate(body.leaves):
        offset = item.leaf.offset
        if item.items:
            value = f"at + {offset}"
        elif item.kind in ("f32", "f64"):
            value = f"PX_word_of((double)PX_get_{item.kind}(p + {offset}))"
        else:
            value = f"(int64_t)PX_get_{item.kind}(p + {offset})"
        lines.append(f"    out[{index} * distance] = {value};")
    lines += [
        "}",
        f"PX_INLINE int64_t {symbol}_store(PX_writer *w, uint8_t *p, const int64_t *mask, const int64_t *in, "
        "int64_t distance)",
        "{",
    ]
    newest, count = body.plan.block.newest, len(body.leaves)
    tests = [f"(uint64_t)mask[{i}] != UINT64_C({full})" for i, full in enumerate(_full_mask(count))]
    tests += [f"w->version < {newest}"] if newest else []
    arrays = any(item.items for item in body.leaves)
    lines += [
        f"    if ({' || '.join(tests)})",
        f"        return PX_store_some(w, {symbol}_leaves, {count}, p, mask, in, distance);",
        *(["    int64_t bad = 0;"] if arrays else []),
    ]
    for index, item in enumerate(body.leaves):
        word, place = f"in[{index} * distance]", f"p + {item.leaf.offset}"
        if item.items:
            lines.append(f"    bad |= PX_copy(w, {place}, {word}, {item.leaf.size});")
        elif item.kind in ("f32", "f64"):
            lines.append(f"    PX_put_{item.kind}({place}, {word});")
        else:
            lines.append(f"    PX_put_{item.kind}({place}, ({_TYPES[item.kind]}){word});")
    return [*lines, f"    return {'bad' if arrays else '0'};", "}"]


def _full_mask(count: int) -> list[int]:
    """The words that say that `count` values are all there."""
    return [(1 << min(64, count - at)) - 1 for at in range(0, count, 64)]


def _length_in(body: CBody) -> list[str]:
    block, plan = body.plan.block, body.plan
    versions = sorted({leaf.since for leaf in block.leaves if leaf.since}, reverse=True)
    lines = [f"PX_INLINE int64_t {body.symbol}_length_in(int64_t version)", "{"]
    if not versions:
        lines.append("    (void)version;")
    for since in versions:
        lines.append(f"    if (version >= {since})")
        lines.append(f"        return {plan.length_in(since)};")
    lines += [f"    return {plan.length_in(0)};", "}"]
    return lines


def body_tree(symbol: str, plan: BodyPlan, names: Names, dimension: Callable[[GroupPlan], str]) -> CBody:
    """A body and those of its groups, each with a symbol of its own."""
    body = CBody(names.free(symbol), plan, leaf_names(plan.block))
    for group in plan.groups:
        inner = body_tree(f"{body.symbol}_{group.name}", group.body, names, dimension)
        inner.is_rows = not is_walked(group)
        body.groups.append(CGroup(group, inner, dimension(group)))
    return body


def all_bodies(body: CBody) -> list[CBody]:
    """The groups' bodies first, each after those in it."""
    return [inner for group in body.groups for inner in all_bodies(group.body)] + [body]
