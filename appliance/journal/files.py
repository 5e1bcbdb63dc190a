"""The file system as the log uses it: a handful of operations, so that tests can put a failing disk in its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """What the log asks of a file system. Every method raises OSError where the system does.

    A file is a descriptor; offsets and sizes are bytes. What was written is safe once `sync` came back, a name (new,
    changed or removed) once `sync_folder` did.
    """

    def names(self, folder: Path) -> list[str]:
        """Names in the folder, in any order."""

    def create(self, path: Path, *, direct: bool = False) -> int:
        """A new empty file to write and read. `direct`: past the page cache where the file system can; data must then
        lie in whole pages of memory and of the file."""

    def open_to_read(self, path: Path) -> int:
        """A file that exists."""

    def size(self, file: int) -> int:
        """Bytes in the file."""

    def read_at(self, file: int, room: memoryview, offset: int) -> int:
        """Fill `room` from `offset` on; returns the bytes read, fewer only at the end of the file."""

    def write_at(self, file: int, data: memoryview, offset: int) -> None:
        """All of `data`, or OSError."""

    def sync(self, file: int) -> None:
        """Make everything that was written to the file safe."""

    def sync_folder(self, folder: Path) -> None:
        """Make the names in the folder safe."""

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name in one step."""

    def remove(self, path: Path) -> None:
        """Take a name away."""

    def close(self, file: int) -> None:
        """Give the descriptor back."""

    def is_at(self, file: int, path: Path) -> bool:
        """Whether the open file still has this name: what is synced without a name is lost at the next start."""


class LocalFiles:
    """The file system of this machine."""

    def names(self, folder: Path) -> list[str]:
        return os.listdir(folder)

    def create(self, path: Path, *, direct: bool = False) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        if direct:
            try:
                return os.open(path, flags | os.O_DIRECT, 0o644)
            except OSError as error:
                if error.errno != errno.EINVAL:  # what file systems answer that have no direct I/O
                    raise
                path.unlink(missing_ok=True)  # some have made the file by then
        return os.open(path, flags, 0o644)

    def open_to_read(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def size(self, file: int) -> int:
        return os.fstat(file).st_size

    def read_at(self, file: int, room: memoryview, offset: int) -> int:
        done = 0
        while done < len(room):
            got = os.preadv(file, [room[done:]], offset + done)
            if got == 0:
                break
            done += got
        return done

    def write_at(self, file: int, data: memoryview, offset: int) -> None:
        done = 0
        while done < len(data):
            put = os.pwrite(file, data[done:], offset + done)
            if put == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done += put

    def sync(self, file: int) -> None:
        os.fdatasync(file)

    def sync_folder(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def rename(self, old: Path, new: Path) -> None:
        os.rename(old, new)

    def remove(self, path: Path) -> None:
        os.unlink(path)

    def close(self, file: int) -> None:
        os.close(file)

    def is_at(self, file: int, path: Path) -> bool:
        ours = os.fstat(file)
        try:
            there = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
