"""The files of a host under a prefix: `/` for this one, a folder for one that was recorded."""

from __future__ import annotations

import os
from pathlib import Path


class Files:
    """Reads answer None or an empty list where there is nothing to read; writes raise OSError."""

    def __init__(self, root: str | Path = "/") -> None:
        self.root = Path(root)

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def bytes(self, path: str) -> bytes | None:
        """The content of `path`."""
        try:
            return self._at(path).read_bytes()
        except OSError:  # absent, or a driver that refuses (the speed of a link that is down)
            return None

    def text(self, path: str) -> str | None:
        """The content of `path` without the white space around it."""
        found = self.bytes(path)
        return None if found is None else found.decode("utf-8", "replace").strip()

    def number(self, path: str) -> int | None:
        """The number in `path`, decimal or 0x..; None also where there is something else."""
        text = self.text(path)
        try:
            return None if text is None else int(text, 0)
        except ValueError:
            return None

    def chosen(self, path: str) -> str | None:
        """The word in brackets, as in `always [madvise] never`."""
        text = self.text(path) or ""
        return next((word[1:-1] for word in text.split() if word.startswith("[") and word.endswith("]")), None)

    def names(self, path: str) -> list[str]:
        """What is in the folder `path`, sorted; numbers by value."""
        try:
            found = os.listdir(self._at(path))
        except OSError:
            return []
        return sorted(found, key=lambda name: (int(name), "") if name.isdigit() else (1 << 62, name))

    def exists(self, path: str) -> bool:
        """Is there a file or folder?"""
        return self._at(path).exists()

    def is_folder(self, path: str) -> bool:
        """Is it a folder?"""
        return self._at(path).is_dir()

    def real(self, path: str) -> str | None:
        """Where the links of `path` lead, as a path of the host; None where they lead nowhere."""
        try:
            found = self._at(path).resolve(strict=True)
        except OSError:
            return None
        try:
            return "/" + str(found.relative_to(self.root.resolve()))
        except ValueError:  # a link out of the prefix
            return None

    def write(self, path: str, text: str) -> None:
        """Write `text` in one call, as /sys and /proc want it. The file must exist."""
        handle = os.open(self._at(path), os.O_WRONLY)
        try:
            data = text.encode()
            if os.write(handle, data) != len(data):
                raise OSError(f"{path} took only a part of {text!r}")
            if os.path.isfile(self._at(path)) and self.root != Path("/"):
                os.ftruncate(handle, len(data))  # a recorded file may have been longer; the kernel's have no length
        finally:
            os.close(handle)
