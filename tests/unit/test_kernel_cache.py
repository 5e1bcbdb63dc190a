"""The folders of compiled kernels: which go, and what an edit has to touch (native/kernel_cache.py)."""

from __future__ import annotations

import os
import time
from pathlib import Path

from native.kernel_cache import KEPT_FOLDERS, ROOT, UNUSED_SECONDS, begin_with, cache_key, kernel_sources, remove_unused


def test_caches_that_nobody_used_lately_are_removed(tmp_path: Path) -> None:
    now = time.time()
    folders = [tmp_path / f"key{age}" for age in range(KEPT_FOLDERS + 3)]
    for age, folder in enumerate(folders):
        (folder / "appliance_1").mkdir(parents=True)
        os.utime(folder, (now, now - UNUSED_SECONDS * (age + 2)))
    (tmp_path / "a file").touch()
    current, still_used = folders[-1], folders[-2]
    begin_with(still_used)
    assert set(remove_unused(current)) == set(folders[KEPT_FOLDERS - 2 : -2])
    assert sorted(tmp_path.iterdir()) == sorted(
        [tmp_path / "a file", *folders[: KEPT_FOLDERS - 2], still_used, current]
    )
    assert not remove_unused(current)


def test_what_was_used_within_the_hour_stays_however_much_it_is(tmp_path: Path) -> None:
    for number in range(KEPT_FOLDERS + 5):
        (tmp_path / str(number)).mkdir()
    assert not remove_unused(tmp_path / "0")
    begin_with(tmp_path / "not there")
    assert not remove_unused(tmp_path / "nowhere" / "key")


def test_only_what_kernels_are_made_of_is_in_the_key() -> None:
    sources = {str(path.relative_to(ROOT)) for path in kernel_sources()}
    assert {"appliance/pipeline.py", "appliance/book/state.py", "native/codes.py", "native/linking.py"} <= sources
    assert not sources & {"appliance/control.py", "appliance/observe.py", "appliance/client/session.py"}
    assert cache_key() == cache_key()
