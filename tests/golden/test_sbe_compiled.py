"""The generated C says what the generic codec says: of every vector, both ways, and of every negative."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wire.sbe import Codec, DecodeError, generate, load_schema
from wire.sbe.c_names import identifier
from wire.sbe.compiled import FLAGS, CompiledCodec, build
from wire.sbe.emit_c import emit_c

SHARED = Path(__file__).parents[2].parent / "shared" / "sbe"
OWN = Path(__file__).parent / "sbe" / "own_messages.json"
pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler"),
    pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe is not here"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sbe")

    @cache
    def of(path: Path) -> tuple[CompiledCodec, Codec]:
        generic = load_schema(path)
        return CompiledCodec(generic.schema, build(generic.schema, folder, path.stem, optimise="-O0")), generic

    return of


def vector_files() -> list[str]:
    names = sorted(path.name for path in (SHARED / "vectors").glob("*.json")) if SHARED.is_dir() else []
    return [name for name in names if name not in ("negative.json", "spec_examples.json")]


def check(compiled: CompiledCodec, generic: Codec, octets: bytes) -> None:
    message, wanted = compiled.decode(octets), generic.decode(octets)
    for name in ("name", "template_id", "version", "block_length", "offset", "end", "newer"):
        assert getattr(message, name) == getattr(wanted, name), name
    assert repr(message.plain()) == repr(wanted.plain())  # repr: a NaN equals itself
    assert repr(message) == repr(wanted)
    assert compiled.check(octets) == wanted.end
    version = min(wanted.version, generic.schema.version)
    again = compiled.encode_plain(wanted.name, wanted.plain(), version=version)
    assert again == generic.encode_plain(wanted.name, wanted.plain(), version=version)
    size = generic.header_size
    body = compiled.decode_body(octets, wanted.template_id, wanted.block_length, wanted.version, size)
    assert (repr(body.plain()), body.end) == (repr(wanted.plain()), wanted.end)


@pytest.mark.parametrize("name", vector_files())
def test_shared_vectors_through_c(built: Any, name: str) -> None:
    vectors = json.loads((SHARED / "vectors" / name).read_text())
    compiled, generic = built(SHARED / vectors["schema"])
    for vector in vectors["vectors"]:
        octets = bytes.fromhex(vector["hex"])
        check(compiled, generic, octets)
        encoded = compiled.encode_plain(vector["message"], vector["fields"], version=vector["version"])
        assert encoded == octets[: len(encoded)]


def test_negatives_are_refused_by_c_with_their_code(built: Any) -> None:
    for vector in json.loads((SHARED / "vectors" / "negative.json").read_text())["vectors"]:
        compiled, generic = built(SHARED / vector["schema"])
        octets = bytes.fromhex(vector["hex"])
        if vector["verdict"] == "accept":
            assert compiled.decode(octets).end == compiled.check(octets) == vector["end"]
            continue
        with pytest.raises(DecodeError) as caught:
            compiled.decode(octets)
        assert caught.value.code == vector["reason"], vector["label"]
        with pytest.raises(DecodeError) as wanted:
            generic.decode(octets)
        assert caught.value.offset == wanted.value.offset
        with pytest.raises(DecodeError, match=vector["reason"]):
            compiled.check(octets)


@pytest.mark.parametrize("stem", ["fixp", "order_entry", "market_data"])
def test_own_messages_through_c(built: Any, stem: str) -> None:
    compiled, generic = built(generate.SCHEMAS / f"{stem}.xml")
    vectors = [v for v in json.loads(OWN.read_text())["vectors"] if v["schema"] == stem]
    for vector in vectors:
        check(compiled, generic, bytes.fromhex(vector["hex"]))


def test_the_c_of_a_large_schema_stays_readable_in_size() -> None:
    schema = load_schema(SHARED / "schemas" / "ilinkbinary.xml").schema
    lines = sum(text.count("\n") for text in emit_c(schema, "ilinkbinary", "ilinkbinary.xml").values())
    assert lines < 15_000


@pytest.mark.long
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_schema_gives_a_compiler_something_to_warn_of(compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not here")
    for path in [*sorted((SHARED / "schemas").glob("*.xml")), *sorted(generate.SCHEMAS.glob("*.xml"))]:
        stem = identifier(path.stem)
        for name, text in emit_c(load_schema(path).schema, stem, path.name).items():
            (tmp_path / name).write_text(text)
        command = [compiler, "-O2", *FLAGS, "-Werror", "-c", str(tmp_path / f"{stem}.c"), "-o", str(tmp_path / "out.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{path.name}: {done.stderr[:2000]}"
