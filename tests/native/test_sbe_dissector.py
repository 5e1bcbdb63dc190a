"""The generated Lua dissectors, loaded by tshark: every field of every packet as the generic decoder reads it."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wire.capture import create_capture, open_capture
from wire.framing import packets
from wire.net.frames import Endpoint, FrameError, build_udp_frame, parse_udp_frame
from wire.sbe import Codec, DecodeError, generate, load_schema
from wire.sbe.emit_lua import emit_lua
from wire.sbe.plan import ABSENT, Node
from wire.sbe.values import Entry, Message

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "sbe"
SMOKE = ROOT / "pcap" / "captures" / "smoke.pcap"
FIXP = generate.SCHEMAS / "fixp.xml"
ORDERS_PORT, FEED_PORT, VENUE_PORT = 26400, 26401, 40123
Shown = list[tuple[str, Any]]


def has_lua() -> bool:
    """Is there a tshark that loads Lua scripts?"""
    if shutil.which("tshark") is None:
        return False
    done = subprocess.run(["tshark", "-v"], capture_output=True, text=True, check=False)
    return "with Lua" in done.stdout


pytestmark = pytest.mark.skipif(not has_lua(), reason="there is no tshark with Lua")


def dissected(schema_file: Path, capture: Path, folder: Path, **preferences: int) -> list[Shown]:
    """(field, shown value) of every packet, in order, by the dissector of the schema."""
    stem = schema_file.stem.replace("-", "_")
    script = folder / f"{stem}.lua"
    script.write_text(emit_lua(load_schema(schema_file).schema, stem, schema_file.name))
    options = [f"-o{stem}.{name}:{value}" for name, value in preferences.items()]
    command = ["tshark", "-X", f"lua_script:{script}", *options, "-r", str(capture), "-T", "pdml"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Lua" not in done.stderr, done.stderr
    out = []
    for packet in ET.fromstring(done.stdout).iter("packet"):
        fields = [(field.get("name") or "", field.get("show")) for field in packet.iter("field")]
        kept = [(name.removeprefix(f"{stem}."), show) for name, show in fields if name.startswith(f"{stem}.")]
        out.append([item for item in kept if item[0] not in ("note", "message")])
    return out


def shown(path: str, node: Node, raw: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """The leaves of a field as tshark shows them."""
    name = f"{path}.{node.name}"
    if node.kind == "composite":
        for member in node.members:
            yield from shown(name, member, raw)
        return
    if node.kind == "constant" or raw[node.index] is ABSENT:
        return
    value = raw[node.index]
    if node.kind == "text":
        yield name, value.partition(b"\0")[0].decode("latin-1")
    elif node.kind == "array":
        yield name, value.hex(":")
    elif node.kind == "float":
        yield name, pytest.approx(value, rel=1e-5)
    else:
        yield name, str(value)


def entry_shown(path: str, entry: Entry) -> Iterator[tuple[str, Any]]:
    for node in entry._plan.block.nodes:
        yield from shown(path, node, entry._raw)
    for group in entry._plan.groups:
        if group.name in entry._groups:
            entries = entry._groups[group.name]
            yield f"{path}.{group.name}", str(len(entries))
            for item in entries:
                yield from entry_shown(f"{path}.{group.name}", item)
    for data in entry._plan.data:
        if data.name in entry._data:
            yield f"{path}.{data.name}", entry._data[data.name].hex(":")


def message_shown(message: Message) -> Shown:
    assert message.header is not None
    return [*entry_shown("header", message.header), *entry_shown(message.name, message)]


def same(found: Shown, wanted: Shown) -> None:
    assert [name for name, _ in found] == [name for name, _ in wanted]
    for (name, one), (_, other) in zip(found, wanted, strict=True):
        value = one if isinstance(other, str) else float(one)
        assert value == other, name


def payloads(capture: Path, port: int) -> Iterator[bytes | None]:
    """The UDP payload of each packet to or from `port`, None for another and for a damaged one."""
    for packet in open_capture(capture):
        try:
            frame = parse_udp_frame(packet.data)
        except FrameError:
            yield None
            continue
        yield frame.payload if port in (frame.source.udp_port, frame.destination.udp_port) else None


def test_the_projects_own_capture(tmp_path: Path) -> None:
    schema_file = generate.SCHEMAS / "order_entry.xml"
    codec, session = load_schema(schema_file), load_schema(FIXP)
    found = dissected(schema_file, SMOKE, tmp_path, udp_port=ORDERS_PORT)
    checked = 0
    for packet, payload in zip(found, payloads(SMOKE, ORDERS_PORT), strict=True):
        if payload is None:
            continue
        wanted: Shown = []
        try:
            at = session.decode(payload).end  # the Context before the messages
            while at < len(payload):
                message = codec.decode(payload, at)
                wanted += message_shown(message)
                at = message.end
        except DecodeError:
            continue
        same(packet, wanted)
        checked += len(wanted)
    assert checked > 1000


def test_market_data_in_frames(tmp_path: Path) -> None:
    schema_file = generate.SCHEMAS / "market_data.xml"
    codec = load_schema(schema_file)
    own = json.loads((ROOT / "tests" / "golden" / "sbe" / "own_messages.json").read_text())["vectors"]
    messages = [bytes.fromhex(vector["hex"]) for vector in own if vector["schema"] == "market_data"]
    capture = tmp_path / "feed.pcap"
    write_capture(capture, [bytes(packets.HEADER_BYTES) + packets.frame(message) for message in messages], FEED_PORT)
    found = dissected(schema_file, capture, tmp_path, udp_port=FEED_PORT, skip_bytes=24, frame_bytes=2)
    for packet, message in zip(found, messages, strict=True):
        same(packet, message_shown(codec.decode(message)))


@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe is not here")
@pytest.mark.parametrize(
    ("schema", "vectors"),
    [
        ("car-extension.xml", "car_checked_in_extension.json"),
        ("basic-types-schema.xml", "basic-types-schema.json"),
        ("ilinkbinary.xml", "ilinkbinary.json"),
    ],
)
def test_messages_of_other_venues(schema: str, vectors: str, tmp_path: Path) -> None:
    codec: Codec = load_schema(SHARED / "schemas" / schema)
    listed = json.loads((SHARED / "vectors" / vectors).read_text())["vectors"]
    messages = [octets for vector in listed if len(octets := bytes.fromhex(vector["hex"])) <= 1400]
    capture = tmp_path / "venue.pcap"
    write_capture(capture, messages, VENUE_PORT)
    found = dissected(SHARED / "schemas" / schema, capture, tmp_path, udp_port=VENUE_PORT)
    for packet, octets in zip(found, messages, strict=True):
        same(packet, message_shown(codec.decode(octets)))


def write_capture(path: Path, datagrams: list[bytes], port: int) -> None:
    ends = Endpoint.of("02:00:00:00:00:01", "192.0.2.1", 40124), Endpoint.of("02:00:00:00:00:02", "192.0.2.2", port)
    with create_capture(path) as writer:
        for number, datagram in enumerate(datagrams):
            writer.write(number, build_udp_frame(datagram, *ends))
