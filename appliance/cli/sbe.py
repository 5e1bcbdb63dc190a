"""`pitwire sbe`: schemas of any venue checked, made into codecs, used on bytes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from wire.framing.venues import FRAMINGS, Framing, FramingError, messages
from wire.sbe.codec import Codec, load_schema
from wire.sbe.lines import decode_line, decoded, encode_line, error_object, hex_octets
from wire.sbe.parser import parse_schema
from wire.sbe.problems import Problem, SchemaError
from wire.sbe.refusals import CodecError

EXIT_ERRORS = 3
EXIT_WARNINGS = 4

_HEX = frozenset(b"0123456789abcdefABCDEF \t\r\n")
_CAPTURE_MAGICS = tuple(map(bytes.fromhex, ("d4c3b2a1", "a1b2c3d4", "4d3cb2a1", "a1b23c4d", "0a0d0d0a")))


@click.group("sbe")
def command() -> None:
    """Check SBE schemas, generate codecs from them, decode and encode messages.

    \b
    Examples:
      pitwire sbe check codecs/schemas/fixp.xml
      pitwire sbe decode --schema codecs/schemas/fixp.xml --jsonl messages.hex
    """


_schema_option = click.option(
    "--schema", "schema_file", required=True, type=click.Path(dir_okay=False), help="The SBE schema (XML)."
)
_jsonl_option = click.option("--jsonl", is_flag=True, help="One line in, one line out, in the same order: for bulk.")


def _no_file(error: OSError, file: str) -> click.ClickException:
    return click.ClickException(f"{error.filename or file}: {error.strerror or error}.")


def _load(schema_file: str) -> Codec:
    try:
        return load_schema(schema_file)
    except SchemaError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise _no_file(error, schema_file) from None


def _problem_line(problem: Problem, kind: str) -> str:
    place = problem.place
    return f"{place.file}:{place.line}: {kind}: <{place.element}>: {problem.sentence}"


@command.command("check")
@click.argument("schema_file", metavar="SCHEMA", type=click.Path(dir_okay=False))
def check(schema_file: str) -> None:
    """Say what is wrong or doubtful in SCHEMA, one line each: `file:line: error: <element>: sentence`.

    Exit status: 0 nothing, 3 errors, 4 warnings only.

    \b
    Examples:
      pitwire sbe check codecs/schemas/market_data.xml
    """
    try:
        schema = parse_schema(schema_file)
    except SchemaError as error:
        for problem in error.problems:
            print(_problem_line(problem, "error"))
        sys.exit(EXIT_ERRORS)
    except OSError as error:
        raise _no_file(error, schema_file) from None
    for problem in schema.warnings:
        print(_problem_line(problem, "warning"))
    print(f"{schema_file}: {len(schema.messages)} messages, {len(schema.types)} types, digest {schema.digest}")
    if schema.warnings:
        sys.exit(EXIT_WARNINGS)


@command.command("generate")
@click.argument("schema_file", metavar="SCHEMA", type=click.Path(dir_okay=False))
@click.option("--out", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder.")
@click.option("--package", default="", help="Python package that the folder is; none: its modules are top-level ones.")
@click.option("--lua", is_flag=True, help="Also a Wireshark dissector (Lua).")
@click.option("--json-ir", is_flag=True, help="Also the resolved schema as JSON.")
@click.option("--build", "do_build", is_flag=True, help="Compile the C for Python (cffi); needs a C compiler.")
def generate(schema_file: str, folder: Path, package: str, lua: bool, json_ir: bool, do_build: bool) -> None:
    """Write codecs of SCHEMA into a folder: C (header and source), Python constants, kernel accessors.

    Prints the name of each file that it writes. Exit status: 0 done, 1 not done, 3 errors in the schema.

    \b
    Examples:
      pitwire sbe generate codecs/schemas/market_data.xml --out build/md --lua
      pitwire sbe generate venue.xml --out build/venue --build
    """
    from wire.sbe.outputs import generated_files

    try:
        files = generated_files(schema_file, package=package, lua=lua, json_ir=json_ir)
    except SchemaError as error:
        for problem in error.problems:
            print(_problem_line(problem, "error"), file=sys.stderr)
        sys.exit(EXIT_ERRORS)
    except OSError as error:
        raise _no_file(error, schema_file) from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
            print(folder / name)
    except OSError as error:
        raise _no_file(error, str(folder)) from None
    if do_build:
        from wire.sbe.compiled import BuildError, build

        try:
            print(build(parse_schema(schema_file), folder, Path(schema_file).stem))
        except BuildError as error:
            raise click.ClickException(str(error)) from None


@command.command("decode")
@_schema_option
@click.argument("source", metavar="HEX|FILE", default="-")
@_jsonl_option
@click.option("--framing", "framing_name", type=click.Choice(list(FRAMINGS)), help="How frames say their lengths.")
@click.option("--skip", "skip_bytes", type=click.IntRange(min=0), default=0, help="Bytes before a packet's messages.")
def decode(schema_file: str, source: str, jsonl: bool, framing_name: str | None, skip_bytes: int) -> None:
    """Print messages as JSON. HEX is one message, header included; FILE (`-`: standard input) has a message a line in
    hex, or bytes, messages back to back, or is a capture (pcap, pcapng) of UDP packets that hold messages.

    With --jsonl each line is one message, {"message", "template_id", "version", "block_length", "end", "fields"}, or
    {"error", "sentence"}; without it objects are indented. Exit status: 1 where a message given as HEX is refused.

    \b
    Examples:
      pitwire sbe decode --schema codecs/schemas/fixp.xml 0800010abc0a0000...
      pitwire sbe decode --schema templates_FixBinary.xml --framing cme-md --jsonl cme.pcap
      pitwire sbe decode --schema S.xml --jsonl - < messages.hex
    """
    codec = _load(schema_file)
    framing = FRAMINGS[framing_name] if framing_name else None
    indent = None if jsonl else 1
    if source != "-" and _is_hex(source) and not Path(source).exists():
        out = decode_line(codec, source) if framing is None else None
        if out is None:
            octets = hex_octets(source)
            _print(_framed_objects(codec, octets, framing, skip_bytes), indent)
            return
        print(json.dumps(out, indent=indent))
        if "error" in out:
            sys.exit(1)
        return
    if source == "-" and jsonl and framing is None:
        _print((decode_line(codec, line) for line in _lines(sys.stdin.buffer)), indent)
        return
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise _no_file(error, source) from None
    if data[:4] in _CAPTURE_MAGICS:
        _print(_capture_objects(codec, data, source, framing, skip_bytes), indent)
    elif all(octet in _HEX for octet in data[:4096]):
        lines = (line.decode("latin-1").strip() for line in data.splitlines())
        _print((decode_line(codec, line) for line in lines), indent)
    else:
        _print(_framed_objects(codec, data, framing, skip_bytes), indent)


@command.command("encode")
@_schema_option
@click.argument("source", metavar="[FILE]", default="-")
@_jsonl_option
def encode(schema_file: str, source: str, jsonl: bool) -> None:
    """Print messages as hex, header included, made from JSON objects {"message", "fields"} with values as `decode`
    prints them; "version" writes an older version. FILE (`-`: standard input) is one object, with --jsonl one a line.

    With --jsonl a line that makes no message gives {"error", "sentence"}; without it the exit status is 1.

    \b
    Examples:
      pitwire sbe encode --schema codecs/schemas/fixp.xml message.json
      pitwire sbe decode --schema S.xml --jsonl in.hex | pitwire sbe encode --schema S.xml --jsonl
    """
    codec = _load(schema_file)
    try:
        if jsonl and source == "-":
            _encode_lines(codec, _lines(sys.stdin.buffer))
            return
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise _no_file(error, source) from None
    if jsonl:
        _encode_lines(codec, (line.decode("utf-8", "replace") for line in data.splitlines()))
        return
    try:
        print(encode_line(codec, data.decode("utf-8", "replace")))
    except CodecError as error:
        raise click.ClickException(str(error)) from None


def _encode_lines(codec: Codec, lines: Iterable[str]) -> None:
    for line in lines:
        try:
            print(encode_line(codec, line))
        except CodecError as error:
            print(json.dumps(error_object(error)))


def _lines(stream: Any) -> Iterator[str]:
    for line in stream:
        yield line.decode("utf-8", "replace").strip()


def _is_hex(text: str) -> bool:
    return all(octet in _HEX for octet in text.encode("utf-8", "replace"))


def _print(objects: Iterable[dict[str, Any]], indent: int | None) -> None:
    for item in objects:
        print(json.dumps(item, indent=indent))


def _framed_objects(codec: Codec, octets: bytes, framing: Framing | None, skip_bytes: int) -> Iterator[dict[str, Any]]:
    """The messages of a packet or file: in their frames, or back to back; the first fault ends it."""
    if framing is not None:
        try:
            for start, end in messages(octets, framing, skip_bytes):
                yield decoded(codec, octets[start:end])
        except FramingError as error:
            yield {"error": "FRAMING", "sentence": str(error)}
        return
    at = skip_bytes
    while at < len(octets):
        item = decoded(codec, octets, at)
        yield item
        if item.get("end", at) <= at:
            return
        at = item["end"]


def _capture_objects(
    codec: Codec, data: bytes, file: str, framing: Framing | None, skip_bytes: int
) -> Iterator[dict[str, Any]]:
    """The messages of every packet, with "packet" (from 1) and "time_ns"."""
    from wire.capture import LINK_TYPE_ETHERNET, CaptureError, parse_capture
    from wire.net.frames import FrameError, parse_udp_frame

    try:
        capture = parse_capture(data, file=file, keep_whole=True)
    except CaptureError as error:
        raise click.ClickException(str(error)) from None
    for number, packet in enumerate(capture, 1):
        place = {"packet": number, "time_ns": packet.time_ns}
        if capture.interfaces[packet.interface].link_type != LINK_TYPE_ETHERNET:
            yield place | {"error": "NOT_ETHERNET", "sentence": "The link type is not Ethernet."}
            continue
        try:
            payload = parse_udp_frame(packet.data).payload
        except FrameError as error:
            yield place | {"error": "NOT_UDP", "sentence": str(error)}
            continue
        for item in _framed_objects(codec, payload, framing, skip_bytes):
            yield place | item
    if capture.error is not None:
        raise click.ClickException(str(capture.error))
