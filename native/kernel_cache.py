"""The folder that compiled kernels are kept in: named by a hash of all that could make them wrong.

numba's own cache notices an edit in the file of the function that it compiled, but not in a kernel that function calls
(numba #8359, #9483), nor `NUMBA_BOUNDSCHECK`. So the folder's name hashes the files that kernels are in and what these
import, the native library and the versions: an edit in any of them means a new folder. Free of numba.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from native import _native

ROOT = Path(__file__).resolve().parent.parent
PACKAGE_FOLDERS = ("native", "wire", "codecs/wire", "appliance")
"""Where kernels live, in a checkout or in an installed wheel."""
MAKES_KERNELS = ("native.apart", "numba")
KEPT_FOLDERS = 3
"""The builds that are worked with: plain, with NUMBA_BOUNDSCHECK, of the sources before."""
UNUSED_SECONDS = 3600
"""A folder that a process has begun with since then is not removed."""

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([\w., \t]+))", re.M
)


def kernel_sources() -> list[Path]:
    """The files that compiled code could come from: those with kernels in them, and all that these import."""
    files = {}
    for folder in PACKAGE_FOLDERS:
        package = ROOT / folder
        for path in package.rglob("*.py"):
            parts = (package.name, *path.relative_to(package).with_suffix("").parts)
            files[".".join(parts).removesuffix(".__init__")] = path
    imports = {module: _imported(path.read_text(encoding="utf-8")) for module, path in files.items()}
    waiting = [module for module, names in imports.items() if any(map(_makes_kernels, names))]
    found = set[str]()
    while waiting:
        module = waiting.pop()
        if module in files and module not in found:
            found.add(module)
            waiting += imports[module]
            waiting.append(module.rpartition(".")[0])
    return sorted(files[module] for module in found)


def _imported(text: str) -> list[str]:
    """Every module that `text` may import; names of what is no module are among them."""
    modules = []
    for source, names, plain in _IMPORT.findall(text):
        if source:
            modules += [source, *(f"{source}.{name}" for name in re.findall(r"\w+", names))]
        modules += re.findall(r"[\w.]+", plain)
    return modules


def _makes_kernels(name: str) -> bool:
    return name.startswith(MAKES_KERNELS) or (name.startswith("native.jit.") and name.endswith("kernel"))


def cache_key() -> str:
    """16 hex digits that change whenever compiled code could."""
    digest = hashlib.sha256()
    facts = (version("numba"), version("llvmlite"), version("numpy"), os.environ.get("NUMBA_BOUNDSCHECK", ""))
    for fact in facts:
        digest.update(f"{fact}\0".encode())
    digest.update(Path(_native.__file__).read_bytes())
    for path in kernel_sources():
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
    folder = Path(home) / "pitwire" / "numba" / of_checkout.name
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


def begin_with(folder: Path) -> None:
    """Mark `folder` as used now."""
    with contextlib.suppress(OSError):  # it is not there yet, or not ours
        os.utime(folder)


def remove_unused(folder: Path) -> list[Path]:
    """Remove the caches beside `folder` that are of older sources. Returns them.

    The KEPT_FOLDERS that were used last stay, and what a process has begun with in the last hour. One that began
    earlier and compiles something more makes its folder again."""
    others = sorted((path for path in folder.parent.glob("*/") if path != folder), key=_used)
    old = [path for path in others[: -(KEPT_FOLDERS - 1)] if _used(path) < time.time() - UNUSED_SECONDS]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return old


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process has just removed it
        return 0.0
