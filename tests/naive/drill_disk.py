"""A file system in memory whose power can be cut at any operation: what was not synced is there, or not, or in part.

It stands in for `appliance.journal.files.LocalFiles`. Writes wait in a list until `sync`, changes of names until
`sync_folder`; `after_power_cut` gives the disk that the next start finds.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECTOR_BYTES = 512
FATES = ("nothing", "all", "cut", "omitted", "reordered", "sectors", "flipped")
"""What becomes of the writes that were not synced: none is there; all are; the last is cut short at a byte; one of them
is missing; of the last two only the later is there; every sector by chance; all are, one bit of the last is wrong."""


class PowerCut(Exception):
    """The machine stops in the middle of an operation."""


@dataclass
class _Inode:
    safe: bytearray = field(default_factory=bytearray)
    waiting: list[tuple[int, bytes]] = field(default_factory=list)

    def now(self) -> bytearray:
        octets = bytearray(self.safe)
        for offset, data in self.waiting:
            _put(octets, offset, data)
        return octets


def _put(octets: bytearray, offset: int, data: bytes) -> None:
    if len(octets) < offset:
        octets.extend(bytes(offset - len(octets)))
    octets[offset : offset + len(data)] = data


class DrillDisk:
    """`cut_at`: the operation (writes, syncs, changes of names, counted from 0) at which the power goes."""

    def __init__(self, cut_at: int | None = None) -> None:
        self.cut_at = cut_at
        self.operations: list[str] = []
        self.names_now: dict[Path, _Inode] = {}
        self._names_safe: dict[Path, _Inode] = {}
        self._open: dict[int, _Inode] = {}
        self._last = 2
        self.fail: Callable[[str, Path | None], OSError | None] = lambda operation, path: None
        """Asked before every operation: an error to raise instead."""
        self.syncs_lie = False

    # --- what the log asks for --------------------------------------------------------------------------------------

    def names(self, folder: Path) -> list[str]:
        return [path.name for path in self.names_now if path.parent == folder]

    def create(self, path: Path, *, direct: bool = False) -> int:
        self._check("create", path)
        if path in self.names_now:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self.names_now[path] = _Inode()
        self._step("create")
        return self._handle(self.names_now[path])

    def open_to_read(self, path: Path) -> int:
        self._check("open", path)
        return self._handle(self._at(path))

    def size(self, file: int) -> int:
        return len(self._open[file].now())

    def read_at(self, file: int, room: memoryview, offset: int) -> int:
        self._check("read", None)
        octets = self._open[file].now()[offset : offset + len(room)]
        room[: len(octets)] = octets
        return len(octets)

    def write_at(self, file: int, data: memoryview, offset: int) -> None:
        self._check("write", None)
        self._open[file].waiting.append((offset, bytes(data)))
        self._step("write")

    def sync(self, file: int) -> None:
        self._check("sync", None)
        self._step("sync")  # a cut here: the sync has not come back
        inode = self._open[file]
        if not self.syncs_lie:
            inode.safe, inode.waiting = inode.now(), []

    def sync_folder(self, folder: Path) -> None:
        self._check("sync_folder", folder)
        self._step("sync_folder")
        kept = {path: inode for path, inode in self._names_safe.items() if path.parent != folder}
        self._names_safe = kept | {path: inode for path, inode in self.names_now.items() if path.parent == folder}

    def rename(self, old: Path, new: Path) -> None:
        self._check("rename", old)
        inode = self._at(old)
        del self.names_now[old]
        self.names_now[new] = inode
        self._step("rename")

    def remove(self, path: Path) -> None:
        self._check("remove", path)
        self._at(path)
        del self.names_now[path]
        self._step("remove")

    def close(self, file: int) -> None:
        del self._open[file]

    def is_at(self, file: int, path: Path) -> bool:
        return self.names_now.get(path) is self._open[file]

    # --- the drill --------------------------------------------------------------------------------------------------

    def _handle(self, inode: _Inode) -> int:
        self._last += 1
        self._open[self._last] = inode
        return self._last

    def _at(self, path: Path) -> _Inode:
        if path not in self.names_now:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return self.names_now[path]

    def _check(self, operation: str, path: Path | None) -> None:
        error = self.fail(operation, path)
        if error is not None:
            raise error

    def _step(self, operation: str) -> None:
        number = len(self.operations)
        self.operations.append(operation)
        if number == self.cut_at:
            raise PowerCut

    def octets(self, path: Path) -> bytes:
        """The content of a file, now."""
        return bytes(self.names_now[path].now())

    def put(self, path: Path, octets: bytes) -> None:
        """Make the content of a file, safely."""
        self.names_now[path] = self._names_safe[path] = _Inode(bytearray(octets))

    def copy(self) -> DrillDisk:
        """Another disk with the same content, all of it safe."""
        other = DrillDisk()
        for path in self.names_now:
            other.put(path, self.octets(path))
        return other

    def after_power_cut(self, fate: str, names_are_there: bool, draw: random.Random) -> DrillDisk:
        """What the next start finds. `names_are_there`: changes of names that were not synced have come to the disk."""
        found = DrillDisk()
        names = self.names_now if names_are_there else self._names_safe
        after: dict[int, bytes] = {}
        for path, inode in names.items():
            if id(inode) not in after:
                after[id(inode)] = bytes(_fate_of(inode, fate, draw))
            found.put(path, after[id(inode)])
        return found


def _fate_of(inode: _Inode, fate: str, draw: random.Random) -> bytearray:
    octets = bytearray(inode.safe)
    waiting = list(inode.waiting)
    if not waiting or fate == "nothing":
        return octets
    offset, data = waiting[-1]
    if fate == "cut":
        waiting[-1] = (offset, data[: draw.randrange(len(data))])
    elif fate == "omitted":
        del waiting[draw.randrange(len(waiting))]
    elif fate == "reordered":
        del waiting[-2:-1]
    elif fate == "flipped":
        wrong = bytearray(data)
        wrong[draw.randrange(len(wrong))] ^= 1 << draw.randrange(8)
        waiting[-1] = (offset, bytes(wrong))
    elif fate == "sectors":
        waiting = [
            (offset + at, data[at : at + SECTOR_BYTES])
            for offset, data in waiting
            for at in range(0, len(data), SECTOR_BYTES)
            if draw.random() < 0.5
        ]
    for offset, data in waiting:
        _put(octets, offset, data)
    return octets
