"""Nanoseconds to decode a message: kernels, packed C overlays, one cffi call, plain Python. Equal results, then time.

The CME book message is MDIncrementalRefreshBook46 of `../shared/sbe/schemas/FixBinary.xml` with 23 + 16 entries (1,150
bytes, the shape of a captured one; its values are made here). Every way checks the message and adds up all its
values, so that nothing is left out; the sums must be equal. Figures are medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.host import report
from native.jit import inner_kernel, kernel
from native.lowlevel import load_u8
from wire.sbe import Codec, load_schema
from wire.sbe.c_blocks import leaf_names
from wire.sbe.compiled import CompiledCodec, build
from wire.sbe.outputs import generated_files
from wire.sbe.plan import BodyPlan
from wire.sbe.values import Entry

SHARED = Path(__file__).parents[2] / "shared" / "sbe"
INCLUDES = Path(__file__).parents[1] / "codecs" / "wire" / "sbe" / "include"
COPIES = 64
"""Different messages that follow each other in memory, so that no value can be remembered."""
MASK = (1 << 64) - 1
MESSAGES = {
    "cme_book": ("FixBinary", "MDIncrementalRefreshBook46", {"NoMDEntries": 23, "NoOrderIDEntries": 16}),
    "ilink_execution": ("ilinkbinary", "ExecutionReportTradeOutright525", {"NoFills": 2, "NoOrderEvents": 2}),
    "car": ("car", "Car", {"fuelFigures": 3, "performanceFigures": 2, "acceleration": 3}),
}


def random_block(dice: random.Random, codec: Codec, plan: BodyPlan, counts: dict[str, int]) -> dict[str, Any]:
    """Values for every field of a block and what is behind it, in the form of `Message.plain()`."""
    raw = bytes(dice.randrange(33, 120) for _ in range(plan.block.used))
    entry = Entry(plan, plan.block.unpack(raw, 0, plan.block.used, 1 << 30), 1 << 30, {}, {}, None)
    out = {name: value for name, value in entry.plain().items() if name in plan.block.by_name}
    for node in plan.block.nodes:
        if node.kind == "float":
            out[node.name] = dice.randrange(400) / 4
    for group in plan.groups:
        out[group.name] = [random_block(dice, codec, group.body, counts) for _ in range(counts.get(group.name, 0))]
    for data in plan.data:
        out[data.name] = {"hex": bytes(dice.randrange(65, 90) for _ in range(6)).hex()}
    return out


def total_of(entry: Entry) -> int:
    """What every way adds up, by the generic codec: numbers, bytes of arrays, lengths of data."""
    total = 0
    for item, value in zip(entry._plan.block.leaves, entry._raw, strict=True):
        total += sum(value) if item.node.items is not None else int(value)
    for entries in entry._groups.values():
        total += sum(total_of(inner) for inner in entries)
    return total + sum(len(data) for data in entry._data.values())


class KernelText:
    """Python and C source that check one message and add up its values."""

    def __init__(self, stem: str, name: str, plan: BodyPlan) -> None:
        self.stem, self.name = stem, name
        self.python = ["def decode(buf, at, block_length, version, layout):"]
        self.python += [f"    end = check_{name}(buf, at, block_length, version, layout)"]
        self.python += ["    if end < 0:", "        return end", "    total = 0"]
        self.c: list[str] = []
        self.body(plan, name, "at", 1, 0)
        self.python += ["    return total"]

    def body(self, plan: BodyPlan, name: str, at: str, depth: int, base: int) -> int:
        """Adds a block at `at`; gives the first layout word behind this block's own."""
        pad = "    " * depth
        symbol = f"{self.stem}_{name}"
        if plan.length:
            self.c.append(f"{pad}{{ const {symbol} *m = (const {symbol} *)(buf + {at});")
        for item in leaf_names(plan.block):
            if item.items:
                at_byte = f"{at} + {item.leaf.offset}"
                self.python += [f"{pad}for i in range({item.leaf.size}):"]
                self.python += [f"{pad}    total += load_u8(buf, {at_byte} + i)"]
                self.c += [f"{pad}for (int i = 0; i < {item.leaf.size}; i++) total += (uint8_t)buf[{at_byte} + i];"]
            else:
                self.python.append(f"{pad}total += np.int64(get_{name}_{item.name}(buf, {at}))")
                self.c.append(f"{pad}total += (uint64_t)(int64_t){symbol}_{item.name}(m);")
        if plan.length:
            self.c.append(f"{pad}}}")
        own = base + 3 * len(plan.groups) + 2 * len(plan.data)
        word = base
        for group in plan.groups:
            row, inner = f"row{depth}", f"{name}_{group.name}"
            walks = bool(group.body.groups or group.body.data)
            head = (f"layout[{word}]", f"layout[{word + 1}]", f"layout[{word + 2}]")
            self.python += [f"{pad}{row}, stride{depth}, count{depth} = {', '.join(head)}"]
            self.python += [f"{pad}for _ in range(count{depth}):"]
            if walks:
                self.python += [f"{pad}    next{depth} = check_{inner}(buf, {row}, stride{depth}, version, layout)"]
            self.c += [f"{pad}{{ int64_t {row} = *w++, stride{depth} = *w++, count{depth} = *w++;"]
            self.c += [f"{pad}for (int64_t i{depth} = 0; i{depth} < count{depth}; i{depth}++) {{"]
            if walks:
                self.c += [f"{pad}    {row} = *w++;"]
            self.body(group.body, inner, row, depth + 1, own)
            self.python += [f"{pad}    {row} = next{depth}" if walks else f"{pad}    {row} += stride{depth}"]
            self.c += [f"{pad}}} (void)stride{depth}; }}" if walks else f"{pad}    {row} += stride{depth}; }} }}"]
            word += 3
        for _ in plan.data:
            self.python.append(f"{pad}total += layout[{word + 1}]")
            self.c.append(f"{pad}w++; total += (uint64_t)*w++;")
            word += 2
        return own

    def c_source(self) -> str:
        symbol = f"{self.stem}_{self.name}"
        body = "\n".join(self.c)
        return f"""#include "{self.stem}.c"
static inline uint64_t decode(const uint8_t *buf, int64_t length, int64_t at, int64_t block_length, int64_t version)
{{
    int64_t words[1024];
    uint64_t total = 0;
    if ({symbol}_check(buf, length, at, block_length, version, words, 1024) < 0 || words[0] > 1024)
        return 0;
    const int64_t *w = words + 8;
    (void)w;
{body}
    return total;
}}
int64_t bench_decode(const uint8_t *buf, int64_t length, int64_t size, int64_t head, int64_t block_length,
                     int64_t version, int64_t rounds)
{{
    uint64_t total = 0;
    for (int64_t i = 0; i < rounds; i++)
        total += decode(buf, length, i % {COPIES} * size + head, block_length, version);
    return (int64_t)total;
}}
int64_t bench_check(const uint8_t *buf, int64_t length, int64_t size, int64_t head, int64_t block_length,
                    int64_t version, int64_t rounds)
{{
    int64_t words[1024], total = 0;
    for (int64_t i = 0; i < rounds; i++)
        total += {symbol}_check(buf, length, i % {COPIES} * size + head, block_length, version, words, 1024);
    return total;
}}
int64_t bench_encode(const int64_t *words, int64_t count, const uint8_t *pool, int64_t pool_bytes, uint8_t *out,
                     int64_t room, int64_t rounds)
{{
    int64_t total = 0;
    for (int64_t i = 0; i < rounds; i++)
        total += {self.stem}_encode(words, count, pool, pool_bytes, out + i % 8 * room, room);
    return total;
}}
"""


def native_functions(text: KernelText, folder: Path) -> Any:
    """The benchmark's C, compiled with -O3 and loaded."""
    from cffi import FFI

    source, library = folder / f"bench_{text.stem}.c", folder / f"bench_{text.stem}.so"
    source.write_text(text.c_source())
    subprocess.run(["cc", "-O3", "-std=gnu11", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    ffi = FFI()
    where = "uint8_t *buf, int64_t length, int64_t size, int64_t head, int64_t block, int64_t version, int64_t rounds"
    ffi.cdef(f"int64_t bench_decode({where}); int64_t bench_check({where});")
    ffi.cdef(
        "int64_t bench_encode(int64_t *words, int64_t count, uint8_t *pool, int64_t pool_bytes, uint8_t *out, "
        "int64_t room, int64_t rounds);"
    )
    return ffi, ffi.dlopen(str(library))


def kernel_functions(text: KernelText, folder: Path) -> tuple[Any, Any]:
    """`decode` and `check` over `rounds` messages, compiled."""
    accessors = importlib.import_module(text.stem)
    kernels = importlib.import_module(f"{text.stem}_kernels")
    scope = {**vars(accessors), **vars(kernels), "np": np, "load_u8": load_u8, "kernel": kernel, "COPIES": COPIES}
    lines = ["def run(buf, size, head, block_length, version, layout, rounds):", "    total = np.int64(0)"]
    lines += ["    for i in range(rounds):", "        at = i % COPIES * size + head"]
    loops = {}
    for name, call in (("decode", "inner_decode"), ("check", f"check_{text.name}")):
        loops[name] = [*lines, f"        total += {call}(buf, at, block_length, version, layout)", "    return total"]
    path = folder / f"bench_{text.stem}.py"
    path.write_text(
        "\n".join(text.python)
        + "\n\n\n"
        + "\n\n\n".join("\n".join(loop).replace("def run(", f"def run_{name}(") for name, loop in loops.items())
        + "\n"
    )
    code = compile(path.read_text(), str(path), "exec")
    exec(code, scope)
    scope["inner_decode"] = inner_kernel(scope["decode"])
    return kernel(scope["run_decode"]), kernel(scope["run_check"])


def measure(label: str, folder: Path, messages: int, repeats: int) -> dict[str, Any]:
    schema_name, name, counts = MESSAGES[label]
    path = SHARED / "schemas" / f"{schema_name}.xml"
    stem = path.stem.replace("-", "_")
    for file, content in generated_files(path).items():
        (folder / file).write_text(content)
    generic = load_schema(path)
    compiled = CompiledCodec(generic.schema, build(generic.schema, folder, stem))
    plan = generic._by_name[name]
    dice = random.Random(7)
    wholes = [generic.encode_plain(name, random_block(dice, generic, plan.body, counts)) for _ in range(COPIES)]
    size, head = len(wholes[0]), generic.header_size
    assert all(len(whole) == size for whole in wholes)
    buf = b"".join(wholes)
    octets = np.frombuffer(buf, np.uint8)
    block_length, version = plan.body.length, generic.schema.version
    wanted = sum(total_of(generic.decode(whole)) for whole in wholes)

    text = KernelText(stem, name, plan.body)
    ffi, lib = native_functions(text, folder)
    run_decode, run_check = kernel_functions(text, folder)
    kernels = importlib.import_module(f"{stem}_kernels")
    layout = np.zeros(getattr(kernels, f"{name}_LAYOUT_WORDS"), np.int64)
    pointer = ffi.from_buffer("uint8_t[]", buf)
    whole = wholes[0]
    words, cbuf = compiled.ffi.new("int64_t[]", 4096), compiled.ffi.from_buffer("uint8_t[]", whole)
    decode_call, check_call = compiled.function("decode"), compiled.function("dispatch")
    decode_call(cbuf, size, 0, words, 4096)
    out = ffi.new("uint8_t[]", size * 8)
    own_words = ffi.new("int64_t[]", compiled.ffi.unpack(words, words[0]))
    count = len(own_words)
    from_whole = ffi.from_buffer("uint8_t[]", whole)

    def c_decode(rounds: int) -> int:
        return int(lib.bench_decode(pointer, len(buf), size, head, block_length, version, rounds))

    # equal results, before any clock
    assert int(run_decode(octets, size, head, block_length, version, layout, COPIES)) & MASK == wanted & MASK
    assert c_decode(COPIES) & MASK == wanted & MASK
    assert sum(total_of(compiled.decode(one)) for one in wholes) == wanted
    assert lib.bench_encode(own_words, count, from_whole, size, out, size, 8) == 8 * size
    assert bytes(ffi.buffer(out, size)) == whole

    few = max(1, messages // 1000)
    ways: dict[str, tuple[int, Callable[[int], object]]] = {
        "kernel_decode": (messages, lambda n: run_decode(octets, size, head, block_length, version, layout, n)),
        "kernel_check": (messages, lambda n: run_check(octets, size, head, block_length, version, layout, n)),
        "c_overlay_decode": (messages, c_decode),
        "c_check": (messages, lambda n: lib.bench_check(pointer, len(buf), size, head, block_length, version, n)),
        "c_encode": (messages, lambda n: lib.bench_encode(own_words, count, from_whole, size, out, size, n)),
        "cffi_call_decode": (few * 10, lambda n: [decode_call(cbuf, size, 0, words, 4096) for _ in range(n)]),
        "cffi_call_check": (few * 10, lambda n: [check_call(cbuf, size, 0, words, 4096) for _ in range(n)]),
        "python_message_by_c": (few, lambda n: [compiled.decode(whole).plain() for _ in range(n)]),
        "python_message_generic": (few, lambda n: [generic.decode(whole).plain() for _ in range(n)]),
    }
    cannot = {}
    for package, make in (("pypi_sbe", pypi_sbe), ("pypi_sbedecoder", pypi_sbedecoder)):
        other = make(path, whole, name, folder)
        if callable(other):
            ways[package] = (max(1, few // 10), other)
        else:
            cannot[package] = other
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, (rounds, function) in ways.items():
            start = time.perf_counter_ns()
            function(rounds)
            taken[way].append((time.perf_counter_ns() - start) / rounds)
    ns = {way: round(statistics.median(values), 1) for way, values in taken.items()}
    result: dict[str, Any] = {"case": label, "message": name, "schema": path.name, "bytes": size, "ns": ns}
    result["kernel_over_c_overlay"] = round(ns["kernel_decode"] / ns["c_overlay_decode"], 2)
    result["cannot_decode"] = cannot
    return result


def pypi_sbe(path: Path, whole: bytes, name: str, folder: Path) -> Any:
    """`decode n times` with the PyPI package, or the sentence why it cannot."""
    try:
        import sbe
    except ImportError:
        return "The package is not installed."
    for file in (path, *INCLUDES.glob("*.xml")):  # it looks for included files beside the schema only
        shutil.copy(file, folder)
    try:
        with open(folder / path.name, encoding="utf-8") as stream:
            schema = sbe.Schema.parse(stream)
        decoded = schema.decode(whole)
        assert decoded.message_name == name
    except Exception as error:  # a foreign package: whatever it raises is the answer
        return f"It cannot decode the message: {type(error).__name__}: {str(error)[:120]}"
    return lambda n: [schema.decode(whole) for _ in range(n)]


def pypi_sbedecoder(path: Path, whole: bytes, name: str, folder: Path) -> Any:
    """The same with the PyPI package sbedecoder; every field and group entry is read, for it decodes when asked."""
    try:
        from sbedecoder import MDPMessageFactory, SBESchema
    except ImportError:
        return "The package is not installed."

    def read(block: Any) -> int:
        count = 0
        for field in block.fields:
            count += field.value is not None
        for group in getattr(block, "groups", ()):
            for entry in group.repeating_groups:
                count += read(entry)
        return count

    try:
        schema = SBESchema(include_message_size_header=True)  # it knows CME's framing only
        schema.parse(str(folder / path.name))
        factory = MDPMessageFactory(schema)
        whole = (len(whole) + 2).to_bytes(2, "little") + whole
        message, _ = factory.build(whole, 0)
        assert message.name == name and read(message) > 0
    except Exception as error:  # a foreign package: whatever it raises is the answer
        return f"It cannot decode the message: {type(error).__name__}: {str(error)[:120]}"
    return lambda n: [read(factory.build(whole, 0)[0]) for _ in range(n)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.codec", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="messages a round of the fast ways")
    parser.add_argument("--repeats", type=int, default=7, help="interleaved rounds; the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    if not SHARED.is_dir():
        print("bench.codec needs the schemas in ../shared/sbe.", file=sys.stderr)
        return 0
    with tempfile.TemporaryDirectory() as name:
        sys.path.insert(0, name)
        results = [measure(label, Path(name), options.messages, options.repeats) for label in MESSAGES]
    book = next(row["ns"]["kernel_decode"] for row in results if row["case"] == "cme_book")
    if options.json:
        print(json.dumps(report("decode of the CME book message in a kernel", book, "ns", results, equal=True)))
        return 0
    for row in results:
        print(f"{row['case']}: {row['message']}, {row['bytes']} bytes")
        for way, ns in row["ns"].items():
            print(f"  {way:24} {ns:12,.1f} ns")
        print(f"  kernel / C overlay       {row['kernel_over_c_overlay']:12}")
        for package, why in row["cannot_decode"].items():
            print(f"  {package}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
