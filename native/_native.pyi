"""The cffi extension that CMake builds: `native/_native_cdefs.h` lists what is in `lib`."""

from typing import Any

ffi: Any
lib: Any
