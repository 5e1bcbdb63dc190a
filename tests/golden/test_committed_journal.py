"""A committed journal leads to the committed hashes: with compiled kernels, as plain Python, and without a cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.config import load
from appliance.history.compare import compare
from appliance.history.timeline import read_marks, sequenced_records
from native.layout import KIND_CANCEL, KIND_MASS_CANCEL, KIND_NEW_ORDER, KIND_PHASE, KIND_REPLACE, KIND_TIMER
from tests.golden.journal_recipe import FOLDER, make

ROOT = Path(__file__).resolve().parents[2]
JOURNAL, HASHES, CONFIG = FOLDER / "day.journal", FOLDER / "day.hashes", FOLDER / "day.json"


def test_same_hashes_here() -> None:
    found = compare(HASHES, JOURNAL, load(CONFIG))
    assert found.equal, found.sentence()
    assert found.last_equal_sequence == read_marks(HASHES)[-1].sequence > 200


def test_it_has_every_kind_of_input() -> None:
    kinds = {int(kind) for kind in sequenced_records(JOURNAL, load(CONFIG))[1]["kind"]}
    assert kinds >= {KIND_NEW_ORDER, KIND_CANCEL, KIND_REPLACE, KIND_MASS_CANCEL, KIND_PHASE, KIND_TIMER}


def _compare_elsewhere(environment: dict[str, str]) -> None:
    paths = [str(ROOT), str(ROOT / "codecs")]
    base = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "replay", "--compare", str(HASHES), str(JOURNAL)]
        + ["--config", str(CONFIG), "--json"],
        env=base | {"PYTHONPATH": os.pathsep.join(paths)} | environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["equal"] is True


def test_same_hashes_as_plain_python() -> None:
    _compare_elsewhere({"NUMBA_DISABLE_JIT": "1"})


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_same_hashes_without_a_kernel_cache(tmp_path: Path) -> None:
    _compare_elsewhere({"PITWIRE_CACHE_DIR": str(tmp_path)})


def test_the_recipe_makes_it(tmp_path: Path) -> None:
    make(tmp_path)
    assert (tmp_path / "day.hashes").read_bytes() == HASHES.read_bytes()
    assert load(tmp_path / "day.json") == load(CONFIG)  # keys that are new have their defaults in the committed one
    mine, its = (sequenced_records(path, load(CONFIG))[1] for path in (tmp_path / "day.journal", JOURNAL))
    assert mine.tobytes() == its.tobytes()
