"""`pitwire sbe`: what it prints, how it ends, and that lines stand for lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from appliance.cli.sbe import command
from wire.capture import create_capture
from wire.framing.venues import FRAMINGS, framed
from wire.net.frames import Endpoint, build_udp_frame
from wire.sbe import generate, load_schema

FIXP = generate.SCHEMAS / "fixp.xml"
CODEC = load_schema(FIXP)
OWN = Path(__file__).parents[1] / "golden" / "sbe" / "own_messages.json"
VECTORS = [v for v in json.loads(OWN.read_text())["vectors"] if v["schema"] == "fixp"]
WARNED = """<messageSchema package="w" id="1" version="0"><types><composite name="messageHeader">
<type name="blockLength" primitiveType="uint16"/><type name="templateId" primitiveType="uint16"/>
<type name="schemaId" primitiveType="uint16"/><type name="version" primitiveType="uint16"/></composite></types>
<message name="M" id="1"><field name="a" id="1" type="uint8"/>
<field name="b" id="1" type="uint8"/></message></messageSchema>"""


def run(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)


def test_check_says_what_and_where(tmp_path: Path) -> None:
    assert run("check", FIXP).exit_code == 0
    warned = tmp_path / "warned.xml"
    warned.write_text(WARNED)
    done = run("check", warned)
    assert done.exit_code == 4
    assert f"{warned}:5: warning: <field" in done.stdout
    warned.write_text(WARNED.replace('type="uint8"', 'type="nothing"'))
    done = run("check", warned)
    assert done.exit_code == 3
    assert f"{warned}:4: error: <field" in done.stdout
    warned.write_text("<messageSchema")
    assert run("check", warned).exit_code == 3
    done = run("check", tmp_path / "none.xml")
    assert (done.exit_code, done.output.count("\n")) == (3, 1)


def test_decode_and_encode_are_lines_for_lines() -> None:
    hexes = [vector["hex"] for vector in VECTORS]
    done = run("decode", "--schema", FIXP, "--jsonl", stdin="\n".join([*hexes, "zz", "", "0000"]) + "\n")
    assert done.exit_code == 0
    objects = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(objects) == len(hexes) + 3
    for item, vector in zip(objects, VECTORS, strict=False):
        assert list(item) == ["message", "template_id", "version", "block_length", "end", "fields"]
        assert (item["message"], item["fields"]) == (vector["message"], vector["fields"])
    assert [item["error"] for item in objects[-3:]] == ["NOT_HEX", "TRUNCATED_HEADER", "TRUNCATED_HEADER"]
    assert all(item["sentence"].endswith(".") for item in objects[-3:])

    lines = "\n".join(json.dumps(item) for item in objects[: len(hexes)])
    done = run("encode", "--schema", FIXP, "--jsonl", stdin=lines + '\nx\n[]\n{"message":"No","fields":{}}\n')
    out = done.stdout.splitlines()
    assert out[: len(hexes)] == hexes
    assert [json.loads(line)["error"] for line in out[len(hexes) :]] == ["NOT_JSON", "NOT_JSON", "UNKNOWN_MESSAGE"]


def test_one_message_as_an_argument() -> None:
    done = run("decode", "--schema", FIXP, VECTORS[0]["hex"])
    assert json.loads(done.stdout)["fields"] == VECTORS[0]["fields"]
    done = run("decode", "--schema", FIXP, "00")
    assert (done.exit_code, json.loads(done.stdout)["error"]) == (1, "TRUNCATED_HEADER")


def test_files_of_bytes_hex_and_captures(tmp_path: Path) -> None:
    messages = [bytes.fromhex(vector["hex"]) for vector in VECTORS]
    names = [vector["message"] for vector in VECTORS]

    def decoded(file: Path, *options: str) -> list[str]:
        done = run("decode", "--schema", FIXP, "--jsonl", *options, file)
        assert done.exit_code == 0, done.output
        return [json.loads(line)["message"] for line in done.stdout.splitlines()]

    raw = tmp_path / "messages.bin"
    raw.write_bytes(b"".join(messages))
    assert decoded(raw) == names
    hexed = tmp_path / "messages.hex"
    hexed.write_text("\n".join(message.hex(" ") for message in messages))
    assert decoded(hexed) == names
    ends = Endpoint.of("02:00:00:00:00:01", "192.0.2.1", 1), Endpoint.of("02:00:00:00:00:02", "192.0.2.2", 2)
    for name in ("cme-md", "b3", "memx"):
        framing, capture = FRAMINGS[name], tmp_path / f"{name}.pcap"
        with create_capture(capture) as writer:
            for message in messages:
                payload = bytes(framing.packet_header_bytes) + framed(message, framing)
                writer.write(5, build_udp_frame(payload, *ends))
        assert decoded(capture, "--framing", name) == names


def test_encode_refuses_with_one_sentence() -> None:
    done = run("encode", "--schema", FIXP, stdin='{"message": "Context", "fields": {"No": 1}}')
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "No" in done.output


@pytest.mark.parametrize("options", [[], ["--lua", "--json-ir"]])
def test_generate_writes_what_it_says(tmp_path: Path, options: list[str]) -> None:
    done = run("generate", FIXP, "--out", tmp_path, *options)
    assert done.exit_code == 0, done.output
    written = {Path(line).name for line in done.stdout.splitlines()}
    assert written == {path.name for path in tmp_path.iterdir()}
    wanted = {"fixp.h", "fixp.c", "fixp.py", "fixp_tables.py"} | ({"fixp.lua", "fixp.json"} if options else set())
    assert wanted <= written
    assert CODEC.schema.digest in (tmp_path / "fixp.c").read_text()


def test_generate_refuses_a_wrong_schema(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.xml"
    wrong.write_text(WARNED.replace('type="uint8"', 'type="nothing"'))
    done = run("generate", wrong, "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert not (tmp_path / "out").exists()
