"""The generated C as a codec for Python: one call a message, built with cffi and the C compiler of the host.

codec = load_compiled("venue.xml", folder)      # builds where the folder does not hold the schema's module yet
message = codec.decode(octets)                  # as wire.sbe.Codec, values out of the C
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wire.sbe import refusals
from wire.sbe.c_names import identifier
from wire.sbe.codec import Codec
from wire.sbe.emit_c import CODES, HEADER_WORDS, declarations, emit_c
from wire.sbe.encoding import Encoder
from wire.sbe.ir import Schema
from wire.sbe.parser import parse_schema
from wire.sbe.refusals import DecodeError, EncodeError
from wire.sbe.values import Entry, Message
from wire.sbe.words import WordReader, WordWriter

FLAGS = ("-std=gnu11", "-fPIC", "-Wall", "-Wextra")
_FIRST_WORDS = 1024
_SENTENCES = {
    refusals.TRUNCATED_HEADER: "The message header is cut off.",
    refusals.TRUNCATED_BLOCK: "The block of the message is cut off.",
    refusals.TRUNCATED_DIMENSION: "The dimension of a group is cut off.",
    refusals.TRUNCATED_LENGTH: "The length of a data field is cut off.",
    refusals.GROUP_OVERRUN: "A group says more entries than there are bytes.",
    refusals.DATA_OVERRUN: "A data field says more bytes than there are.",
    refusals.COUNT_OUT_OF_RANGE: "A group has more or fewer entries than the schema allows.",
    refusals.LENGTH_OUT_OF_RANGE: "A data field is longer or shorter than the schema allows.",
    refusals.STRIDE_ZERO: "A group says entries of 0 bytes that have fields.",
    refusals.WRONG_SCHEMA: "The message is of another schema.",
    refusals.UNKNOWN_TEMPLATE: "The schema has no message with that template id.",
    refusals.WRONG_VALUE: "A block length, count or length does not fit into its field.",
}


class BuildError(RuntimeError):
    """The C could not be compiled; the message is one sentence, with what the compiler said."""


def build(
    schema: Schema, folder: str | os.PathLike[str], stem: str, compiler: str | None = None, optimise: str = "-O2"
) -> Path:
    """Write `<stem>.h`, `<stem>.c` and the Python module `_<stem>_sbe` into `folder`; the module's path.

    `compiler`: by default `cc`, or what $CC says; `optimise`: its flag for that. Raises BuildError.
    """
    from cffi import FFI  # type: ignore[import-untyped]

    stem = identifier(stem)
    target, name = Path(folder), f"_{stem}_sbe"
    compiler = compiler or os.environ.get("CC") or "cc"
    if shutil.which(compiler) is None:
        raise BuildError(f"There is no C compiler {compiler!r}: install one, or say which in CC.")
    target.mkdir(parents=True, exist_ok=True)
    for file, text in emit_c(schema, stem, f"{stem}.xml").items():
        (target / file).write_text(text, encoding="utf-8")
    ffi = FFI()
    ffi.cdef(declarations(schema, stem))
    ffi.set_source(name, f'#include "{stem}.h"')
    with contextlib.redirect_stdout(io.StringIO()):  # cffi says what it writes
        ffi.emit_c_code(str(target / f"{name}.c"))
    module = target / f"{name}{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    include = f"-I{sysconfig.get_paths()['include']}"
    _run(compiler, optimise, *FLAGS, "-c", str(target / f"{stem}.c"), "-o", str(target / f"{stem}.o"))
    _run(compiler, "-O0", "-fPIC", "-w", include, "-c", str(target / f"{name}.c"), "-o", str(target / f"{name}.o"))
    _run(compiler, "-shared", str(target / f"{stem}.o"), str(target / f"{name}.o"), "-o", str(module))
    return module


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{command[0]} failed: {done.stderr.strip()[:2000]}")


def load_compiled(schema_file: str | os.PathLike[str], folder: str | os.PathLike[str]) -> CompiledCodec:
    """The codec of a schema in C, out of `folder`; built there first where it is missing or of another schema.

    Raises SchemaError and BuildError.
    """
    schema, stem = parse_schema(schema_file), identifier(Path(schema_file).stem)
    module = Path(folder) / f"_{stem}_sbe{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    source = Path(folder) / f"{stem}.c"
    if not module.is_file() or not source.is_file() or schema.digest not in source.read_text(encoding="utf-8")[:500]:
        module = build(schema, folder, stem)
    return CompiledCodec(schema, module)


class CompiledCodec(Codec):
    """A `Codec` whose bytes are read and written by C. Messages, values and errors are the same.

    `lib` and `ffi` are cffi's: the exported functions, for callers that have no need of messages.
    """

    def __init__(self, schema: Schema, module: Path) -> None:
        super().__init__(schema)
        name = module.name.partition(".")[0]
        spec = importlib.util.spec_from_file_location(name, module)
        assert spec is not None and spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        self.lib, self.ffi = loaded.lib, loaded.ffi
        self.prefix = name.removeprefix("_").removesuffix("_sbe")
        digest = self.ffi.string(self.function("digest")).decode()
        if digest != schema.digest:
            raise BuildError(f"{module} was made from another schema: build it again.")

    def function(self, name: str) -> Any:
        """The exported function `<stem>_<name>`."""
        return getattr(self.lib, f"{self.prefix}_{name}")

    def check(self, data: bytes | bytearray | memoryview, offset: int = 0) -> int:
        """The offset after the message at `offset`. Raises `DecodeError`; no value is read."""
        words = self.ffi.new("int64_t[]", HEADER_WORDS)
        code = self.function("dispatch")(
            self.ffi.from_buffer("uint8_t[]", data), len(data), _bounded(offset), words, HEADER_WORDS
        )
        return self._end(int(code), words)

    def decode(self, data: bytes | bytearray | memoryview, offset: int = 0) -> Message:
        message = self._message("decode", data, (_bounded(offset),))
        header, size = self.header, self.header.size
        raw = header.block.unpack(data, offset, size, self.schema.version)
        message.header = Entry(self._header_body, raw, self.schema.version, {}, {}, None)
        return message

    def decode_body(
        self,
        data: bytes | bytearray | memoryview,
        template_id: int,
        block_length: int | None = None,
        version: int | None = None,
        offset: int = 0,
    ) -> Message:
        plan = self._plan(template_id, offset)
        block_length = plan.body.length if block_length is None else block_length
        version = self.schema.version if version is None else version
        known = (_bounded(offset), template_id, _bounded(block_length), _bounded(version))
        return self._message("decode_body", data, known)

    def _message(self, function: str, data: Any, known: tuple[int, ...]) -> Message:
        call, octets = self.function(function), self.ffi.from_buffer("uint8_t[]", data)
        size = _FIRST_WORDS
        while True:
            words = self.ffi.new("int64_t[]", size)
            self._end(int(call(octets, len(data), *known, words, size)), words)
            if words[0] <= size:
                break
            size = words[0]
        reader = WordReader(self.ffi.unpack(words, words[0]), data)
        return reader.message(self._by_id[words[1]], self.schema.version)

    def _end(self, end: int, words: Any) -> int:
        if end < 0:
            code = CODES[-end - 1]
            raise DecodeError(code, _SENTENCES[code], int(words[5]))
        return end

    def _encoder(self, name: str, version: int | None, *, plain: bool) -> Encoder:
        generic = super()._encoder(name, version, plain=plain)
        return _CEncoder(self, generic)


class _CEncoder(WordWriter):
    """Values to words, words to bytes in C."""

    def __init__(self, codec: CompiledCodec, generic: Encoder) -> None:
        super().__init__(generic.plan, generic.version, plain=generic.plain)
        self.codec = codec

    def message(self, fields: Mapping[str, Any], header_fields: Mapping[str, Any], codec: Codec) -> bytes:
        whole = self._encode(fields)
        if not header_fields:
            return whole
        return self.header(header_fields, codec) + whole[codec.header_size :]

    def body(self, fields: Mapping[str, Any]) -> bytes:
        return self._encode(fields)[self.codec.header_size :]

    def _encode(self, fields: Mapping[str, Any]) -> bytes:
        self.run(fields)
        ffi, size = self.codec.ffi, self.codec.header_size + self.bytes_max
        out, words = ffi.new("uint8_t[]", max(size, 1)), ffi.new("int64_t[]", self.words)
        pool = ffi.from_buffer("uint8_t[]", self.pool or b"\0")
        used = int(self.codec.function("encode")(words, len(self.words), pool, len(self.pool), out, size))
        if used < 0:
            code = CODES[-used - 1]
            raise EncodeError(code, _SENTENCES.get(code, "The message does not fit into its bytes."))
        return bytes(ffi.buffer(out, used))


def _bounded(number: int) -> int:
    """A number that C takes: those beyond 64 bits are as good as the largest."""
    return max(-1, min(number, (1 << 63) - 1))
