"""`@kernel`: njit, cached in a folder that is named by a hash of everything that could make the cache wrong.

numba's own cache notices an edit in the file of the function it compiled, but not in a kernel that function calls
(numba #8359, #9483), nor `NUMBA_BOUNDSCHECK`. So the folder's name hashes all kernel sources, the native library
and the versions: an edit anywhere means a new folder. Import this module before numba.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar, cast

from native import _native

ROOT = Path(__file__).resolve().parent.parent
SOURCE_FOLDERS = ("native", "wire", "codecs/wire", "appliance")
"""Where kernels live, in a checkout or in an installed wheel."""
PARTS_WITHOUT_KERNELS = ("cli", "decode", "gateway", "history", "journal", "operator", "recovery")
"""Folders of the appliance that no kernel imports (`tests/test_tidy.py` looks): an edit there compiles nothing anew."""

F = TypeVar("F", bound=Callable[..., object])


def cache_key() -> str:
    """16 hex digits that change whenever compiled code could."""
    digest = hashlib.sha256()
    facts = (version("numba"), version("llvmlite"), version("numpy"), os.environ.get("NUMBA_BOUNDSCHECK", ""))
    for fact in facts:
        digest.update(f"{fact}\0".encode())
    digest.update(Path(_native.__file__).read_bytes())
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.relative_to(ROOT / folder).parts[0] not in PARTS_WITHOUT_KERNELS:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """The kernel cache: in the checkout where that is ours to write, else in the user's own cache."""
    base = os.environ.get("PITWIRE_CACHE_DIR")
    if base:
        return Path(base) / "numba" / cache_key()
    of_checkout = ROOT / "build" / "numba" / cache_key()
    if (ROOT / "pyproject.toml").exists() and os.access(ROOT, os.W_OK):
        return of_checkout
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(home) / "pitwire" / "numba" / cache_key()
    try:
        _start_from(of_checkout, folder)
    except OSError:  # no home to write to: a cache for this process alone
        folder = Path(tempfile.mkdtemp(prefix="pitwire-")) / "numba"
        atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
        _start_from(of_checkout, folder)
    return folder


def _start_from(of_checkout: Path, folder: Path) -> None:
    """Make `folder`, with what the owner of the checkout has compiled: numba needs a cache that it can write to."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    if of_checkout.is_dir():
        shutil.copytree(of_checkout, made, dirs_exist_ok=True)
    try:
        made.rename(folder)
    except OSError:  # another process was first
        shutil.rmtree(made, ignore_errors=True)
        if not folder.is_dir():
            raise


os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))

import numba  # noqa: E402
from numba.core import config  # noqa: E402
from numba.extending import register_jitable  # noqa: E402

from native import indexes  # noqa: E402

config.reload_config()  # numba may have been imported, and have read the environment, before us
indexes.install()

INTERPRETED = bool(config.DISABLE_JIT)
"""NUMBA_DISABLE_JIT=1: kernels run as plain Python (coverage, debugging)."""
CHECKED = bool(config.BOUNDSCHECK)
"""NUMBA_BOUNDSCHECK=1: every load and store proves that it stays in its buffer."""


_OPTIONS: dict[str, object] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: F) -> F:
    """Compile `function`: nogil, cached, division by zero gives 0 (assert divisors). Plain Python when INTERPRETED.

    Compiled without numba's reference counting, so a kernel that allocates does not compile. Arrays that pass from
    kernel to kernel are otherwise counted with atomic instructions at every call: measured in the book, 900 ns a
    message with them and 320 without.

    Inlined where an `inner_kernel` calls it: numba hands that option down. The book needs it: 40 ns a message, and 80
    where no kernel inherits it.
    """
    return cast(F, numba.njit(**_OPTIONS)(function))


def outer_kernel(function: F) -> F:
    """A kernel that is called, never inlined by force, with what it calls: where the stages meet.

    Else the whole core would be in each of the dozen kernels that decide an input: ten minutes of compiling, not four.
    """
    return cast(F, numba.njit(forceinline=False, **_OPTIONS)(function))


def inner_kernel(function: F) -> F:
    """A kernel for kernels, always inlined. From Python it runs as the plain Python function that it is.

    A call hands over seven words an array: measured in the book, 340 ns a message with calls and 160 inlined.
    """
    if INTERPRETED:
        return function
    options = {"nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}
    return cast(F, register_jitable(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)(function))
