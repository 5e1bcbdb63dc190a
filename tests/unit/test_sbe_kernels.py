"""Generated kernels over groups and data: what they read is what the generic codec reads, refusals are the same."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from native.jit import INTERPRETED
from wire.sbe import DecodeError, load_schema
from wire.sbe.outputs import generated_files

import numba  # isort: skip  # after native.jit, which sets its environment

SHARED = Path(__file__).parents[2].parent / "shared" / "sbe"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/sbe is not here")
CAR = SHARED / "schemas" / "car-extension.xml"
GENERIC = load_schema(CAR) if SHARED.is_dir() else None


def vectors(name: str) -> list[dict[str, Any]]:
    return list(json.loads((SHARED / "vectors" / f"{name}.json").read_text())["vectors"])


@pytest.fixture(scope="module")
def car(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, Any]]:
    """The generated modules (accessors, kernels, dtypes) of the extended Car schema."""
    folder = tmp_path_factory.mktemp("car")
    for name, text in generated_files(CAR).items():
        (folder / name).write_text(text)
    sys.path.insert(0, str(folder))
    stem = "car_extension"
    yield tuple(importlib.import_module(name) for name in (stem, f"{stem}_kernels", f"{stem}_dtypes"))  # type: ignore[misc]
    sys.path.remove(str(folder))


def compiled(function: Any) -> Any:
    return function if INTERPRETED else numba.njit(function)


@pytest.fixture(scope="module")
def read(car: tuple[Any, Any, Any]) -> Any:
    """`read(buf, at, block_length, version, layout, out)`: values of a Car to `out`, how many, or the refusal."""
    fields, kernels, _ = car
    check, check_entry = kernels.check_Car, kernels.check_Car_performanceFigures
    get_serial, get_speed = fields.get_Car_serialNumber, fields.get_Car_fuelFigures_speed
    get_mpg = fields.get_Car_fuelFigures_mpg
    get_octane = fields.get_Car_performanceFigures_octaneRating
    get_seconds = fields.get_Car_performanceFigures_acceleration_seconds
    fuel, figures = kernels.Car_fuelFigures_LAYOUT, kernels.Car_performanceFigures_LAYOUT
    inner, text = kernels.Car_performanceFigures_acceleration_LAYOUT, kernels.Car_model_LAYOUT
    check_fuel = kernels.check_Car_fuelFigures

    def read(buf: Any, at: Any, block_length: Any, version: Any, layout: Any, out: Any) -> Any:
        end = check(buf, at, block_length, version, layout)
        if end < 0:
            return end
        out[0] = end
        out[1] = get_serial(buf, at)
        out[2] = layout[text + 1]
        count = 3
        entry, stride, entries = layout[fuel], layout[fuel + 1], layout[fuel + 2]
        for _ in range(entries):
            out[count] = get_speed(buf, entry)
            out[count + 1] = get_mpg(buf, entry)
            count += 2
            entry = check_fuel(buf, entry, stride, version, layout)
        entry, stride, entries = layout[figures], layout[figures + 1], layout[figures + 2]
        for _ in range(entries):
            out[count] = get_octane(buf, entry)
            count += 1
            following = check_entry(buf, entry, stride, version, layout)
            row, distance, rows = layout[inner], layout[inner + 1], layout[inner + 2]
            for i in range(rows):
                out[count] = get_seconds(buf, row + i * distance)
                count += 1
            entry = following
        return count

    return compiled(read)


def expected(message: Any) -> list[float]:
    out = [message.end, message.serialNumber, len(message.model or b"")]
    for entry in message.fuelFigures:
        out += [entry.speed, entry.mpg]
    for entry in message.performanceFigures:
        out += [entry.octaneRating, *(row.seconds for row in entry.acceleration)]
    return out


@pytest.mark.parametrize("name", ["car_checked_in_extension", "car_checked_in_baseline"])
def test_groups_in_groups_and_data(name: str, car: tuple[Any, Any, Any], read: Any) -> None:
    """The baseline message is of an older version: what that does not have is not read."""
    assert GENERIC is not None
    [vector] = vectors(name)
    octets = bytes.fromhex(vector["hex"])
    message = GENERIC.decode(octets)
    layout = np.zeros(car[1].Car_LAYOUT_WORDS, np.int64)
    out = np.zeros(64)
    count = read(np.frombuffer(octets, np.uint8), 8, message.block_length, message.version, layout, out)
    assert out[:count].tolist() == expected(message)
    for length in range(8, len(octets)):  # every cut is refused as the generic codec refuses it
        code = read(np.frombuffer(octets[:length], np.uint8), 8, message.block_length, message.version, layout, out)
        with pytest.raises(DecodeError) as caught:
            GENERIC.decode(octets[:length])
        assert code == getattr(car[1], caught.value.code)


def test_absent_fields_are_told_apart(car: tuple[Any, Any, Any]) -> None:
    kernels = car[1]
    names = [name for name in vars(kernels) if name.startswith("has_Car_")]
    assert names
    for name in names:
        has = getattr(kernels, name)
        assert not has(0, 10_000)
        assert not has(10_000, 0)
        assert has(10_000, 10_000)


def test_dtypes_view_a_block(car: tuple[Any, Any, Any]) -> None:
    [vector] = vectors("car_checked_in_extension")
    octets = bytes.fromhex(vector["hex"])
    row = np.frombuffer(octets, car[2].Car_DTYPE, 1, 8)[0]
    fields = vector["fields"]
    assert (row["serialNumber"], row["someNumbers"].tolist()) == (fields["serialNumber"], fields["someNumbers"])
    assert row["engine"]["capacity"] == fields["engine"]["capacity"]
