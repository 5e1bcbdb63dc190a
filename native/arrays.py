"""`Arrays`: a fixed set of arrays that kernels take as one pointer.

A NamedTuple of forty arrays becomes some three hundred words of arguments at every call between kernels, and minutes of
compiling. An `Arrays` subclass is written like a dataclass of one-dimensional C arrays (and of other `Arrays`); in a
kernel it is the address of a block of (data address, item count) pairs, and `tables.sessions` builds its array value
from there: no reference counts, two loads that the compiler may keep in registers. To Python it is a plain object.

The arrays are fixed for life; the object keeps them alive, and must outlive every kernel that was given it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar, dataclass_transform

import numpy as np

from native.jit import INTERPRETED  # first: it sets numba's environment

from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, unbox

_WORD_BYTES = 8
_WORDS_A_MEMBER = 2


class ArraysType(types.Type):  # type: ignore[misc]
    """numba's type of one `Arrays` subclass with the dtypes that its arrays have."""

    def __init__(self, name: str, members: tuple[tuple[str, Any], ...]) -> None:
        self.members = members
        spelled = ", ".join(f"{field}: {kind}" for field, kind in members)
        # by a hash: the name becomes part of every symbol, and spelled out it was most of what is compiled and cached
        super().__init__(name=f"{name}_{hashlib.sha256(spelled.encode()).hexdigest()[:16]}")


@dataclass_transform(frozen_default=True, eq_default=False)
class Arrays:
    """Base of a set of arrays: annotate the members, give them by keyword or in order."""

    member_names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls.member_names = tuple(name for name in cls.__annotations__ if name != "member_names")

    def __init__(self, *values: Any, **named: Any) -> None:
        given = dict(zip(self.member_names, values, strict=False)) | named
        if set(given) != set(self.member_names) or len(values) + len(named) != len(self.member_names):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.member_names)}")
        block = np.zeros(_WORDS_A_MEMBER * len(self.member_names), np.int64)
        kinds = []
        for place, name in enumerate(self.member_names):
            member = given[name]
            self.__dict__[name] = member
            if isinstance(member, Arrays):
                block[_WORDS_A_MEMBER * place] = member._block.ctypes.data
                kinds.append((name, None if INTERPRETED else member._numba_type_))
                continue
            if member.ndim != 1 or not member.flags.c_contiguous:
                raise TypeError(f"{type(self).__name__}.{name} is not a contiguous array of one dimension")
            block[_WORDS_A_MEMBER * place] = member.ctypes.data
            block[_WORDS_A_MEMBER * place + 1] = member.size
            kinds.append((name, None if INTERPRETED else types.Array(from_dtype(member.dtype), 1, "C")))
        self._block: np.ndarray = block
        self._block_address = block.ctypes.data
        if not INTERPRETED:
            self._numba_type_: Any = ArraysType(type(self).__qualname__, tuple(kinds))

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self.member_names)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self.member_names:
            raise AttributeError(f"{type(self).__name__}.{name} is fixed for life")
        self.__dict__[name] = value


@register_model(ArraysType)
class _ArraysModel(models.OpaqueModel):  # type: ignore[misc]
    """One pointer."""


@unbox(ArraysType)
def _unbox_arrays(kind: Any, value: Any, context: Any) -> Any:
    number = context.pyapi.object_getattr_string(value, "_block_address")
    address = context.pyapi.long_as_ulonglong(number)
    context.pyapi.decref(number)
    pointer = context.builder.inttoptr(address, ir.IntType(8).as_pointer())
    return NativeValue(pointer, is_error=cgutils.is_not_null(context.builder, context.pyapi.err_occurred()))


@infer_getattr
class _ArraysAttributes(AttributeTemplate):  # type: ignore[misc]
    key = ArraysType

    def generic_resolve(self, kind: Any, name: str) -> Any:
        return dict(kind.members).get(name)


@lower_getattr_generic(ArraysType)
def _lower_member(context: Any, builder: Any, kind: Any, pointer: Any, name: str) -> Any:
    place = [field for field, _ in kind.members].index(name)
    member = kind.members[place][1]
    word = ir.IntType(64)
    words = builder.bitcast(pointer, word.as_pointer())

    def load(index: int) -> Any:
        value = builder.load(builder.gep(words, [ir.Constant(word, index)]))
        value.set_metadata("invariant.load", builder.module.add_metadata([]))  # fixed for life: see above
        return value

    data = load(_WORDS_A_MEMBER * place)
    if isinstance(member, ArraysType):
        return builder.inttoptr(data, ir.IntType(8).as_pointer())
    array = context.make_array(member)(context, builder)
    items = load(_WORDS_A_MEMBER * place + 1)
    item_bytes = ir.Constant(word, context.get_abi_sizeof(context.get_data_type(member.dtype)))
    array.data = builder.inttoptr(data, array.data.type)
    array.nitems = items
    array.itemsize = item_bytes
    array.shape = cgutils.pack_array(builder, [items])
    array.strides = cgutils.pack_array(builder, [item_bytes])
    array.meminfo = cgutils.get_null_value(array.meminfo.type)
    array.parent = cgutils.get_null_value(array.parent.type)
    return array._getvalue()
