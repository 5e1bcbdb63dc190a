"""Instructions a message, counted by `valgrind --tool=callgrind` over the machine code of the kernel itself.

Python and the compiler are left out: the optimised code of `bench.core.run` and of the kernels that it calls by symbol
goes into an object file for a CPU that valgrind knows (AVX2, no AVX-512), which a C program loads with a copy of
the book's memory. Needs valgrind and a C compiler; without them the answer says so.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from native.layout import EVENT

CPU = "haswell"
EVENTS_ROOM = 256

DRIVER = r"""
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#define ARRAY_WORDS void *, void *, int64_t, int64_t, void *, int64_t, int64_t
#define ARRAY(data, count, bytes) 0, 0, count, bytes, data, count, bytes
int32_t kernel(int64_t *, void **, int64_t *, ARRAY_WORDS, int64_t, int64_t, ARRAY_WORDS, ARRAY_WORDS);

__attribute__((noinline)) int64_t counted(int64_t *block, void *commands, int64_t first, int64_t last, void *events) {
    int64_t told = 0, progress = 0;
    void *error = 0;
    kernel(&told, &error, block, ARRAY(commands, last, 128), first, last, ARRAY(events, EVENTS_ROOM, 128),
           ARRAY(&progress, 1, 8));
    return told;
}

int main(int count, char **words) {
    int64_t facts[3], size[2], block[64];
    void *commands = 0;
    FILE *file = count == 2 ? fopen(words[1], "rb") : 0;
    if (!file || fread(facts, 8, 3, file) != 3) return 1;
    for (int64_t i = 0; i <= facts[0]; i++) {
        if (fread(size, 8, 2, file) != 2) return 1;
        void *memory = aligned_alloc(4096, (size[0] + 8191) & ~4095);
        if (!memory || fread(memory, 1, size[0], file) != (size_t)size[0]) return 1;
        if (i == facts[0]) commands = memory;
        else block[2 * i] = (int64_t)memory, block[2 * i + 1] = size[1];
    }
    void *events = aligned_alloc(64, EVENTS_ROOM * 128);
    int64_t told = 0, progress = 0;
    void *error = 0;
    kernel(&told, &error, block, ARRAY(commands, facts[1], 128), 0, facts[2], ARRAY(events, EVENTS_ROOM, 128),
           ARRAY(&progress, 1, 8));
    return counted(block, commands, facts[2], facts[1], events) < 0;
}
"""


def instructions_a_message(book: Any, commands: Any, before: int, messages: int) -> dict[str, Any]:
    """{"instructions_a_message": n, "mispredicted_a_message": m} over `messages` commands from `before` on, of a fresh
    book; or {"instructions_not_counted": why}. Mispredictions are those of callgrind's simple predictor."""
    for tool in ("valgrind", "gcc", "objcopy"):
        if shutil.which(tool) is None:
            return {"instructions_not_counted": f"{tool} is not installed"}
    commands = commands[: before + messages]
    with tempfile.TemporaryDirectory(prefix="pitwire-") as folder:
        program = build(Path(folder), book, commands)
        write_memory(Path(folder) / "memory", book, commands, before)
        return count(program, Path(folder) / "memory", commands.size - before)


def build(folder: Path, book: Any, commands: Any) -> Path:
    """The C program with the kernel in it."""
    import llvmlite.binding as llvm
    import numba

    from appliance.book import work
    from bench.core import run

    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(cpu=CPU, opt=3, reloc="pic", codemodel="default")

    def emit(name: str, library: Any) -> Path:
        path = folder / f"{name}.o"
        path.write_bytes(machine.emit_object(llvm.parse_assembly(library.get_llvm_str())))
        return path

    options = {"error_model": "numpy", "nogil": True, "_nrt": False}
    kernel = numba.njit(**options, no_cpython_wrapper=True, no_cfunc_wrapper=True)(run.py_func)
    events, progress = np.zeros(1, dtype=EVENT), np.zeros(1, dtype=np.int64)
    kernel.compile(tuple(numba.typeof(value) for value in (book, commands, 0, 0, events, progress)))
    compiled = next(iter(kernel.overloads.values()))
    objects = [emit("run", compiled.library)]
    names = [(compiled.fndesc.llvm_func_name, "kernel")]
    for exported in work.EXPORTED:
        again = numba.cfunc(exported.signature, **options)(exported.function)
        objects.append(emit(exported.symbol, again._library))
        names.append((again._wrapper_name, exported.symbol))
    for path in objects:
        words = [word for old, new in names for word in ("--redefine-sym", f"{old}={new}")]
        subprocess.run(["objcopy", *words, str(path)], check=True)
    source = folder / "driver.c"
    source.write_text(DRIVER)
    program = folder / "driver"
    subprocess.run(
        ["gcc", "-O2", "-static", f"-DEVENTS_ROOM={EVENTS_ROOM}", str(source), *map(str, objects), "-o", str(program),
         "-Wl,--unresolved-symbols=ignore-all", "-Wl,-z,muldefs"], check=True, capture_output=True,
    )  # fmt: skip
    return program


def write_memory(path: Path, book: Any, commands: Any, before: int) -> None:
    arrays = [*book]
    with path.open("wb") as file:
        np.array([len(arrays), commands.size, before], dtype=np.int64).tofile(file)
        for array in [*arrays, commands]:
            np.array([array.nbytes, array.size], dtype=np.int64).tofile(file)
            array.tofile(file)


def count(program: Path, memory: Path, messages: int) -> dict[str, Any]:
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=counted", "--branch-sim=yes",
         f"--callgrind-out-file={program.parent / 'callgrind'}", str(program), str(memory)],
        capture_output=True, text=True, cwd=program.parent,
    )  # fmt: skip
    collected = re.search(r"Collected : ([\d ]+)", done.stderr)
    if done.returncode != 0 or collected is None:
        return {"instructions_not_counted": f"valgrind ended with {done.returncode}"}
    # instructions, conditional branches, of them mispredicted, indirect ones, mispredicted; trailing zeros are left out
    instructions, _, conditional, _, indirect = ([int(word) for word in collected[1].split()] + [0] * 4)[:5]
    return {
        "instructions_a_message": round(instructions / messages, 1),
        "mispredicted_a_message": round((conditional + indirect) / messages, 2),
    }
