"""Open a capture whatever its format; create one by the suffix of its name."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from wire.capture.classic import PcapWriter, index_classic, is_classic
from wire.capture.model import Capture, CaptureError
from wire.capture.pcapng import PcapngWriter, index_pcapng, is_pcapng


def parse_capture(data: bytes | mmap.mmap, *, file: str = "capture", keep_whole: bool = False) -> Capture:
    """The capture in `data`. `keep_whole`: at damage, keep the packets before it and set `error`.

    Raises CaptureError (also with `keep_whole`, where not even the file's header is good).
    """
    if is_classic(data):
        return index_classic(file, data, keep_whole=keep_whole)
    if is_pcapng(data):
        return index_pcapng(file, data, keep_whole=keep_whole)
    start = data[:4].hex() or "nothing"
    raise CaptureError(file, 0, f"This is neither pcap nor pcapng: it starts with {start}.")


def open_capture(path: str | Path, *, keep_whole: bool = False) -> Capture:
    """The capture in a file; `-` is standard input. A regular file is mapped, not read, and must not be cut meanwhile.

    Raises CaptureError, and OSError where the file cannot be read.
    """
    if str(path) == "-":
        return parse_capture(sys.stdin.buffer.read(), file="standard input", keep_whole=keep_whole)
    with open(path, "rb") as stream:
        if Path(path).is_file() and os.fstat(stream.fileno()).st_size:
            data: bytes | mmap.mmap = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        else:
            data = stream.read()
    return parse_capture(data, file=str(path), keep_whole=keep_whole)


@contextmanager
def create_capture(
    path: str | Path, *, interfaces: Sequence[str] = ("pitwire0",)
) -> Iterator[PcapWriter | PcapngWriter]:
    """A writer for `path`: pcapng if it ends in .pcapng, else nanosecond pcap; `-` is standard output.

    The file takes its name when the block ends well; an error leaves nothing (and an older file as it was).
    """
    target = Path(path)

    def writer(stream: BinaryIO) -> PcapWriter | PcapngWriter:
        if target.suffix.lower() == ".pcapng":
            return PcapngWriter(stream, interfaces=interfaces)
        return PcapWriter(stream)

    if str(path) == "-":
        yield writer(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    # a device or a named pipe is written to; only a file can be put in the place of another
    is_replaced = target.is_file() or not target.exists()
    written = target.with_name(f"{target.name}.{os.getpid()}.part") if is_replaced else target
    try:
        with open(written, "wb", buffering=1 << 20) as stream:
            yield writer(stream)
        if is_replaced:
            os.replace(written, target)
    except BaseException:
        if is_replaced:
            written.unlink(missing_ok=True)
        raise
