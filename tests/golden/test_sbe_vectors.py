"""Messages as bytes and values: those of ../shared/sbe (made with the reference tool) and our own, committed ones."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wire.framing import sofh
from wire.sbe import Codec, DecodeError, generate, load_schema

SHARED = Path(__file__).parents[2].parent / "shared" / "sbe"
OWN = Path(__file__).parent / "sbe" / "own_messages.json"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe is not here")


@cache
def codec(path: Path) -> Codec:
    return load_schema(path)


def check_both_ways(the_codec: Codec, vector: dict[str, Any]) -> None:
    octets = bytes.fromhex(vector["hex"])
    message = the_codec.decode(octets)
    assert (message.name, message.template_id) == (vector["message"], vector["template_id"])
    assert (message.version, message.block_length) == (vector["version"], vector["block_length"])
    assert message.end == vector.get("end_offset", vector.get("length", len(octets)))
    assert json.loads(json.dumps(message.plain())) == vector["fields"]
    encoded = the_codec.encode_plain(vector["message"], vector["fields"], version=vector["version"])
    assert encoded == octets[: message.end]


def shared_vector_files() -> list[str]:
    files = sorted(path.name for path in (SHARED / "vectors").glob("*.json")) if SHARED.is_dir() else []
    return [name for name in files if name not in ("negative.json", "spec_examples.json")]


@needs_shared
def test_every_shared_schema_compiles() -> None:
    paths = sorted((SHARED / "schemas").glob("*.xml"))
    assert len(paths) >= 42
    for path in paths:
        assert len(codec(path).schema.digest) == 64


@needs_shared
@pytest.mark.parametrize("name", shared_vector_files())
def test_shared_vectors_both_ways(name: str) -> None:
    vectors = json.loads((SHARED / "vectors" / name).read_text())
    the_codec = codec(SHARED / vectors["schema"])
    assert vectors["vectors"]
    for vector in vectors["vectors"]:
        check_both_ways(the_codec, vector)


@needs_shared
def test_shared_negatives_are_refused_with_their_code() -> None:
    vectors = json.loads((SHARED / "vectors" / "negative.json").read_text())["vectors"]
    assert len(vectors) >= 111
    for vector in vectors:
        the_codec = codec(SHARED / vector["schema"])
        if vector["verdict"] == "accept":
            assert the_codec.decode(bytes.fromhex(vector["hex"])).end == vector["end"]
            continue
        with pytest.raises(DecodeError) as caught:
            the_codec.decode(bytes.fromhex(vector["hex"]))
        assert caught.value.code == vector["reason"], vector["label"]


@needs_shared
def test_the_messages_of_the_standards_text() -> None:
    """SOFH and message as the SBE 1.0 text prints them."""
    vectors = json.loads((SHARED / "vectors" / "spec_examples.json").read_text())["vectors"]
    framed = [v for v in vectors if v["kind"] == "message+SOFH" and "(2.0" not in v["desc"]]
    assert len(framed) == 3
    the_codec = codec(SHARED / "schemas" / "fix-spec-Examples-v1.xml")
    for vector in framed:
        octets = bytes.fromhex(vector["hex"])
        [(encoding, payload)] = sofh.FrameReader(1000).feed(octets)
        assert encoding == sofh.ENCODING_SBE_LITTLE_ENDIAN
        message = the_codec.decode(payload)
        assert message.end == len(payload)
        for name, expected in vector["expect"].items():
            if name in ("sofh", "header"):
                continue
            check_printed_value(message[name], expected)


def check_printed_value(value: Any, expected: Any) -> None:
    if isinstance(expected, list):
        for entry, wanted in zip(value, expected, strict=True):
            for name, number in wanted.items():
                assert entry[name].scaleb(3 if name == "FillPx" else 0) == number
    elif isinstance(expected, dict) and "mantissa" in expected:
        assert value.as_tuple().exponent == expected["exponent"]
        assert value.scaleb(-expected["exponent"]) == expected["mantissa"]
    elif isinstance(expected, dict):
        assert dict(value) == expected
    elif isinstance(value, bytes):
        assert value.decode() == expected
    else:
        assert value == expected


def own_vectors() -> list[dict[str, Any]]:
    return json.loads(OWN.read_text())["vectors"]


@pytest.mark.parametrize("vector", own_vectors(), ids=lambda v: f"{v['schema']}-{v['message']}-{v['variant']}")
def test_own_messages_keep_their_bytes(vector: dict[str, Any]) -> None:
    check_both_ways(codec(generate.SCHEMAS / f"{vector['schema']}.xml"), vector)


def test_own_vectors_cover_every_message() -> None:
    covered = {(vector["schema"], vector["message"]) for vector in own_vectors()}
    for stem in ("order_entry", "market_data", "fixp"):
        for message in codec(generate.SCHEMAS / f"{stem}.xml").schema.messages:
            assert (stem, message.name) in covered
