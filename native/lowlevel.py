"""What numba lacks, as intrinsics: unaligned loads and stores at constant offsets, acquire and release, bit counts.

All byte access goes through a `uint8` array of one dimension, so that the checked build (NUMBA_BOUNDSCHECK=1) proves
every load and store against the array's end. `getter` and `setter` make a function for a type and a constant offset;
generated codecs are nothing but such functions. They are inlined code, not calls: no dispatcher, no compile of their
own. Integers come out as int64 always (a uint64 keeps its bits), floats as float64.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from native.jit import CHECKED, INTERPRETED  # first: it sets numba's environment

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# kind: (bits, is float, is signed, is big-endian, struct format)
_KINDS: dict[str, tuple[int, bool, bool, bool, str]] = {}
for _name, _bits, _float, _signed, _format in (
    ("u8", 8, False, False, "B"),
    ("i8", 8, False, True, "b"),
    ("u16", 16, False, False, "H"),
    ("i16", 16, False, True, "h"),
    ("u32", 32, False, False, "I"),
    ("i32", 32, False, True, "i"),
    ("u64", 64, False, False, "Q"),
    ("i64", 64, False, True, "q"),
    ("f32", 32, True, True, "f"),
    ("f64", 64, True, True, "d"),
):
    _KINDS[_name] = (_bits, _float, _signed, False, "<" + _format)
    _KINDS[_name + "be"] = (_bits, _float, _signed, True, ">" + _format)

_I64 = ir.IntType(64)


def word_of(record: np.dtype[np.void], first: str, *others: str) -> int:
    """Which word (for `load_word` and `store_word`) of `record` begins with the field `first` and holds `others`, one
    after the other, and nothing else."""
    fields, names = record.fields, record.names
    assert fields is not None and names is not None and fields[first][1] % 8 == 0, first
    at = names.index(first)
    assert names[at : at + 1 + len(others)] == (first, *others)
    assert sum(fields[name][0].itemsize for name in (first, *others)) == 8
    return int(fields[first][1]) // 8


def _is_bytes(array: Any) -> bool:
    return isinstance(array, types.Array) and array.dtype == types.uint8 and array.ndim == 1


def _address(context: Any, builder: Any, array_type: Any, array: Any, offset: Any, size: int, what: str) -> Any:
    """Pointer to `array[offset]`; in the checked build an IndexError unless `size` bytes are there."""
    view = context.make_array(array_type)(context, builder, value=array)
    if CHECKED:
        last = builder.add(offset, ir.Constant(_I64, size))
        outside = builder.or_(
            builder.icmp_signed("<", offset, ir.Constant(_I64, 0)), builder.icmp_signed(">", last, view.nitems)
        )
        with builder.if_then(outside, likely=False):
            context.call_conv.return_user_exc(builder, IndexError, (f"{what} of {size} bytes outside its buffer",))
    return builder.gep(view.data, [offset])


def _swapped(builder: Any, value: Any, bits: int, big_endian: bool) -> Any:
    return builder.bswap(value) if big_endian and bits > 8 else value


def getter(kind: str, field_offset: int = 0) -> Callable[[Any, int], Any]:
    """A kernel function `get(buf, at)` that reads a `kind` at `at + field_offset` of the uint8 array `buf`."""
    bits, is_float, signed, big_endian, struct_format = _KINDS[kind]
    size = bits // 8

    if INTERPRETED:

        def get_interpreted(buf: Any, at: int) -> Any:
            start = int(at) + field_offset
            if start < 0 or start + size > buf.size:
                raise IndexError(f"load of {size} bytes outside its buffer")
            value = struct.unpack_from(struct_format, buf, start)[0]
            return value - (1 << 64) if bits == 64 and not is_float and value >= 1 << 63 else value

        return get_interpreted

    def get(typing_context: Any, buf: Any, at: Any) -> Any:
        if not _is_bytes(buf) or not isinstance(at, types.Integer):
            return None
        result = types.float64 if is_float else types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at_i64 = context.cast(builder, args[1], signature.args[1], types.int64)
            offset = builder.add(at_i64, ir.Constant(_I64, field_offset))
            place = _address(context, builder, signature.args[0], args[0], offset, size, "load")
            integer = ir.IntType(bits)
            raw = builder.load(builder.bitcast(place, integer.as_pointer()), align=1)
            raw = _swapped(builder, raw, bits, big_endian)
            if is_float:
                if bits == 32:
                    return builder.fpext(builder.bitcast(raw, ir.FloatType()), ir.DoubleType())
                return builder.bitcast(raw, ir.DoubleType())
            if bits == 64:
                return raw
            return builder.sext(raw, _I64) if signed else builder.zext(raw, _I64)

        return result(buf, at), codegen

    return intrinsic(get)


def setter(kind: str, field_offset: int = 0) -> Callable[[Any, int, Any], None]:
    """A kernel function `put(buf, at, value)` that writes a `kind` at `at + field_offset` of the uint8 array `buf`."""
    bits, is_float, _signed, big_endian, struct_format = _KINDS[kind]
    size = bits // 8

    if INTERPRETED:

        def put_interpreted(buf: Any, at: int, value: Any) -> None:
            start = int(at) + field_offset
            if start < 0 or start + size > buf.size:
                raise IndexError(f"store of {size} bytes outside its buffer")
            if is_float:
                struct.pack_into(struct_format, buf, start, float(value))
                return
            order = "big" if big_endian else "little"
            raw = (int(value) & ((1 << bits) - 1)).to_bytes(size, order)
            buf[start : start + size] = np.frombuffer(raw, dtype=np.uint8)

        return put_interpreted

    def put(typing_context: Any, buf: Any, at: Any, value: Any) -> Any:
        if not _is_bytes(buf) or not isinstance(at, types.Integer):
            return None
        if not isinstance(value, (types.Integer, types.Boolean, types.IntegerLiteral, types.Float)):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at_i64 = context.cast(builder, args[1], signature.args[1], types.int64)
            offset = builder.add(at_i64, ir.Constant(_I64, field_offset))
            place = _address(context, builder, signature.args[0], args[0], offset, size, "store")
            integer = ir.IntType(bits)
            if is_float:
                number = context.cast(builder, args[2], signature.args[2], types.float64)
                if bits == 32:
                    number = builder.fptrunc(number, ir.FloatType())
                raw = builder.bitcast(number, integer)
            else:
                raw = context.cast(builder, args[2], signature.args[2], types.int64)
                if bits < 64:
                    raw = builder.trunc(raw, integer)
            raw = _swapped(builder, raw, bits, big_endian)
            builder.store(raw, builder.bitcast(place, integer.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(buf, at, value), codegen

    return intrinsic(put)


load_u8 = getter("u8")
load_u16 = getter("u16")
load_u32 = getter("u32")
load_u64 = getter("u64")
load_i64 = getter("i64")
load_i32be = getter("i32be")
load_u16be = getter("u16be")
load_u32be = getter("u32be")
load_u64be = getter("u64be")
store_u8 = setter("u8")
store_u16 = setter("u16")
store_u32 = setter("u32")
store_u64 = setter("u64")
store_u16be = setter("u16be")
store_u32be = setter("u32be")
store_u64be = setter("u64be")


if INTERPRETED:

    def copy_bytes(to: Any, to_at: int, source: Any, source_at: int, length: int) -> None:
        """Copy `length` bytes between uint8 arrays that do not overlap. (A slice assignment would allocate.)"""
        for array, at in ((to, to_at), (source, source_at)):
            if min(int(at), int(length)) < 0 or int(at) + int(length) > array.size:
                raise IndexError(f"copy of {length} bytes outside its buffer")
        to[to_at : to_at + length] = source[source_at : source_at + length]

    def copy_words(to: Any, to_at: int, source: Any, source_at: int, words: int) -> None:
        """Copy so many times 8 bytes between uint8 arrays that do not overlap; `source[source_at]` is aligned to 8."""
        copy_bytes(to, to_at, source, source_at, 8 * int(words))

    def bytes_at(address: int, length: int) -> Any:
        """The `length` bytes at `address` as a uint8 array. Nothing is copied; the caller vouches for the memory."""
        return np.ctypeslib.as_array((ctypes.c_uint8 * int(length)).from_address(int(address)))

    def load_acquire64(address: int) -> int:
        """The int64 at `address`; no later access moves before it."""
        return ctypes.c_int64.from_address(int(address)).value

    def store_release64(address: int, value: int) -> None:
        """Store an int64 at `address` after every earlier access."""
        ctypes.c_int64.from_address(int(address)).value = int(value)

    def count_trailing_zeros64(word: int) -> int:
        """Zero bits below the lowest one bit; 64 for 0."""
        word = int(word) & 0xFFFFFFFFFFFFFFFF
        return 64 if word == 0 else (word & -word).bit_length() - 1

    def count_leading_zeros64(word: int) -> int:
        """Zero bits above the highest one bit; 64 for 0."""
        return 64 - (int(word) & 0xFFFFFFFFFFFFFFFF).bit_length()

    def multiply_low64(one: int, other: int) -> int:
        """The low 64 bits of the product, as an int64."""
        return ((int(one) * int(other) + (1 << 63)) & 0xFFFFFFFFFFFFFFFF) - (1 << 63)

    def match16(buf: Any, at: int, byte: int) -> int:
        """Which of the 16 bytes `buf[at:at + 16]` are the low byte of `byte`: bit i for byte i."""
        start = int(at)
        if start < 0 or start + 16 > buf.size:
            raise IndexError("load of 16 bytes outside its buffer")
        return sum(1 << i for i in range(16) if buf[start + i] == int(byte) & 0xFF)

    def load_word(records: Any, at: int, word: int) -> int:
        """The 8 bytes at `8 * word` of `records[at]` as an int64. Records are whole words long."""
        words = records[at : int(at) + 1].view(np.int64)
        return int(words[word])

    def store_word(records: Any, at: int, word: int, value: int) -> None:
        """Store the low 64 bits of `value` at `8 * word` of `records[at]`."""
        records[at : int(at) + 1].view(np.uint64)[word] = int(value) & 0xFFFFFFFFFFFFFFFF

    def rarely(condition: bool) -> bool:
        """The condition, which the compiler may take for false: what hangs on it is moved out of the way."""
        return condition

    def usually(condition: bool) -> bool:
        """The condition, which the compiler may take for true: what hangs on its opposite is moved out of the way."""
        return condition

    def pause() -> None:
        """Tell the CPU that this is a spin loop."""

    def prefetch(address: int) -> None:
        """Start to fetch the cache line at `address`."""

    def prefetch_to_write(address: int) -> None:
        """Start to fetch the cache line at `address`, for a store."""

else:

    @intrinsic
    def copy_bytes(typing_context: Any, to: Any, to_at: Any, source: Any, source_at: Any, length: Any) -> Any:
        """Copy `length` bytes between uint8 arrays that do not overlap. (A slice assignment would allocate.)"""
        if not _is_bytes(to) or not _is_bytes(source):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = [context.cast(builder, args[i], signature.args[i], types.int64) for i in (1, 3, 4)]
            count = numbers[2]
            places = []
            for array, at in ((0, numbers[0]), (2, numbers[1])):
                view = context.make_array(signature.args[array])(context, builder, value=args[array])
                if CHECKED:
                    zero = ir.Constant(_I64, 0)
                    outside = builder.icmp_signed(">", builder.add(at, count), view.nitems)
                    for number in (at, count):
                        outside = builder.or_(outside, builder.icmp_signed("<", number, zero))
                    with builder.if_then(outside, likely=False):
                        context.call_conv.return_user_exc(builder, IndexError, ("copy outside its buffer",))
                places.append(builder.gep(view.data, [at]))
            cgutils.raw_memcpy(builder, places[0], places[1], count, 1)
            return context.get_dummy_value()

        return types.void(to, to_at, source, source_at, length), codegen

    @intrinsic
    def copy_words(typing_context: Any, to: Any, to_at: Any, source: Any, source_at: Any, words: Any) -> Any:
        """Copy so many times 8 bytes between uint8 arrays that do not overlap; `source[source_at]` is aligned to 8.

        For what was written by words a moment ago: a word that is still on its way into the cache is handed over from
        the store buffer to a load of that word, but a wider load, as `copy_bytes` has it, waits until all of it, and
        everything stored before, has arrived there.
        """
        if not _is_bytes(to) or not _is_bytes(source):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = [context.cast(builder, args[i], signature.args[i], types.int64) for i in (1, 3, 4)]
            to_at, source_at, count = numbers
            size = builder.shl(count, ir.Constant(_I64, 3))
            places = []
            for array, at in ((0, to_at), (2, source_at)):
                view = context.make_array(signature.args[array])(context, builder, value=args[array])
                if CHECKED:
                    zero = ir.Constant(_I64, 0)
                    outside = builder.icmp_signed(">", builder.add(at, size), view.nitems)
                    for number in (at, count):
                        outside = builder.or_(outside, builder.icmp_signed("<", number, zero))
                    with builder.if_then(outside, likely=False):
                        context.call_conv.return_user_exc(builder, IndexError, ("copy outside its buffer",))
                places.append(builder.bitcast(builder.gep(view.data, [at]), _I64.as_pointer()))

            def copy_one(index: Any) -> None:
                # atomic, so that the compiler joins no two of them; an ordinary load for the CPU
                word = builder.load_atomic(builder.gep(places[1], [index]), "monotonic", 8)
                builder.store(word, builder.gep(places[0], [index]), align=1)

            fours = builder.ashr(count, ir.Constant(_I64, 2))
            with cgutils.for_range(builder, fours) as loop:
                first = builder.shl(loop.index, ir.Constant(_I64, 2))
                for place in range(4):
                    copy_one(builder.add(first, ir.Constant(_I64, place)))
            with cgutils.for_range(builder, count, start=builder.shl(fours, ir.Constant(_I64, 2))) as loop:
                copy_one(loop.index)
            return context.get_dummy_value()

        return types.void(to, to_at, source, source_at, words), codegen

    def _expected(builder: Any, condition: Any, value: bool) -> Any:
        bit = ir.IntType(1)
        expect = builder.module.declare_intrinsic("llvm.expect", [bit], fnty=ir.FunctionType(bit, [bit, bit]))
        return builder.call(expect, [condition, ir.Constant(bit, value)])

    @intrinsic
    def rarely(typing_context: Any, condition: Any) -> Any:
        """The condition, which the compiler may take for false: what hangs on it is moved out of the way.

        Stands directly in an `if`. Registers are spilled where the compiler thinks that it seldom comes, and without
        being told it takes both sides of a branch for as likely.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _expected(builder, args[0], False)

        return types.boolean(types.boolean), codegen

    @intrinsic
    def usually(typing_context: Any, condition: Any) -> Any:
        """The condition, which the compiler may take for true: what hangs on its opposite is moved out of the way."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _expected(builder, args[0], True)

        return types.boolean(types.boolean), codegen

    @intrinsic
    def bytes_at(typing_context: Any, address: Any, length: Any) -> Any:
        """The `length` bytes at `address` as a uint8 array. Nothing is copied; the caller vouches for the memory."""
        array_type = types.Array(types.uint8, 1, "C")

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = context.cast(builder, args[0], signature.args[0], types.int64)
            items = context.cast(builder, args[1], signature.args[1], types.intp)
            array = context.make_array(array_type)(context, builder)
            one = ir.Constant(_I64, 1)
            array.data = builder.inttoptr(where, ir.IntType(8).as_pointer())
            array.nitems = items
            array.itemsize = one
            array.shape = cgutils.pack_array(builder, [items])
            array.strides = cgutils.pack_array(builder, [one])
            array.meminfo = cgutils.get_null_value(array.meminfo.type)
            array.parent = cgutils.get_null_value(array.parent.type)
            return array._getvalue()

        return array_type(address, length), codegen

    @intrinsic
    def load_acquire64(typing_context: Any, address: Any) -> Any:
        """The int64 at `address`; no later access moves before it."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = context.cast(builder, args[0], signature.args[0], types.int64)
            return builder.load_atomic(builder.inttoptr(where, _I64.as_pointer()), "acquire", 8)

        return types.int64(address), codegen

    @intrinsic
    def store_release64(typing_context: Any, address: Any, value: Any) -> Any:
        """Store an int64 at `address` after every earlier access."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            where = context.cast(builder, args[0], signature.args[0], types.int64)
            stored = context.cast(builder, args[1], signature.args[1], types.int64)
            builder.store_atomic(stored, builder.inttoptr(where, _I64.as_pointer()), "release", 8)
            return context.get_dummy_value()

        return types.void(address, value), codegen

    @intrinsic
    def count_trailing_zeros64(typing_context: Any, word: Any) -> Any:
        """Zero bits below the lowest one bit; 64 for 0."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            bits = context.cast(builder, args[0], signature.args[0], types.int64)
            return builder.cttz(bits, ir.Constant(ir.IntType(1), 0))

        return types.int64(word), codegen

    @intrinsic
    def count_leading_zeros64(typing_context: Any, word: Any) -> Any:
        """Zero bits above the highest one bit; 64 for 0."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            bits = context.cast(builder, args[0], signature.args[0], types.int64)
            return builder.ctlz(bits, ir.Constant(ir.IntType(1), 0))

        return types.int64(word), codegen

    @intrinsic
    def multiply_low64(typing_context: Any, one: Any, other: Any) -> Any:
        """The low 64 bits of the product, as an int64."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = [context.cast(builder, args[i], signature.args[i], types.int64) for i in (0, 1)]
            return builder.mul(*numbers)

        return types.int64(one, other), codegen

    @intrinsic
    def match16(typing_context: Any, buf: Any, at: Any, byte: Any) -> Any:
        """Which of the 16 bytes `buf[at:at + 16]` are the low byte of `byte`: bit i for byte i."""
        if not _is_bytes(buf):
            return None

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            offset = context.cast(builder, args[1], signature.args[1], types.int64)
            place = _address(context, builder, signature.args[0], args[0], offset, 16, "load")
            lanes = ir.VectorType(ir.IntType(8), 16)
            i32 = ir.IntType(32)
            there = builder.load(builder.bitcast(place, lanes.as_pointer()), align=1)
            wanted = builder.trunc(context.cast(builder, args[2], signature.args[2], types.int64), ir.IntType(8))
            first = builder.insert_element(ir.Constant(lanes, ir.Undefined), wanted, ir.Constant(i32, 0))
            every = builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(i32, 16), [0] * 16))
            equal = builder.icmp_unsigned("==", there, every)
            return builder.zext(builder.bitcast(equal, ir.IntType(16)), _I64)

        return types.int64(buf, at, byte), codegen

    def _word_place(context: Any, builder: Any, array_type: Any, array: Any, at: Any, word: Any) -> Any:
        """Pointer to a word of a record; in the checked build an IndexError unless the record is there."""
        view = context.make_array(array_type)(context, builder, value=array)
        if CHECKED:
            outside = builder.icmp_unsigned(">=", at, view.nitems)
            with builder.if_then(outside, likely=False):
                context.call_conv.return_user_exc(builder, IndexError, ("record outside its array",))
        item_bytes = context.get_abi_sizeof(context.get_data_type(array_type.dtype))
        offset = builder.add(builder.mul(at, ir.Constant(_I64, item_bytes)), builder.shl(word, ir.Constant(_I64, 3)))
        start = builder.bitcast(view.data, ir.IntType(8).as_pointer())
        return builder.bitcast(builder.gep(start, [offset]), _I64.as_pointer())

    @intrinsic
    def load_word(typing_context: Any, records: Any, at: Any, word: Any) -> Any:
        """The 8 bytes at `8 * word` of `records[at]` as an int64. Records are whole words long."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = [context.cast(builder, args[i], signature.args[i], types.int64) for i in (1, 2)]
            return builder.load(_word_place(context, builder, signature.args[0], args[0], *numbers), align=8)

        return types.int64(records, at, word), codegen

    @intrinsic
    def store_word(typing_context: Any, records: Any, at: Any, word: Any, value: Any) -> Any:
        """Store the low 64 bits of `value` at `8 * word` of `records[at]`."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            numbers = [context.cast(builder, args[i], signature.args[i], types.int64) for i in (1, 2, 3)]
            place = _word_place(context, builder, signature.args[0], args[0], *numbers[:2])
            builder.store(numbers[2], place, align=8)
            return context.get_dummy_value()

        return types.void(records, at, word, value), codegen

    @intrinsic
    def pause(typing_context: Any) -> Any:
        """Tell the CPU that this is a spin loop."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            if platform.machine() == "x86_64":  # elsewhere the loop spins without the hint
                function = builder.module.declare_intrinsic(
                    "llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), [])
                )
                builder.call(function, [])
            return context.get_dummy_value()

        return types.void(), codegen

    def _prefetcher(to_write: int, says: str) -> Any:
        def fetch(typing_context: Any, address: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                where = context.cast(builder, args[0], signature.args[0], types.int64)
                pointer = builder.inttoptr(where, ir.IntType(8).as_pointer())
                i32 = ir.IntType(32)
                function = builder.module.declare_intrinsic(
                    "llvm.prefetch",
                    (pointer.type,),
                    ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32]),
                )
                builder.call(function, [pointer, *(ir.Constant(i32, word) for word in (to_write, 3, 1))])
                return context.get_dummy_value()

            return types.void(address), codegen

        fetch.__doc__ = says
        return intrinsic(fetch)

    prefetch = _prefetcher(0, "Start to fetch the cache line at `address`.")
    prefetch_to_write = _prefetcher(1, "Start to fetch the cache line at `address`, for a store.")

    @intrinsic
    def read_cycles(typing_context: Any) -> Any:
        """The CPU's time stamp counter (x86-64 only), in its own ticks: a third of the time that the clock takes."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            function = builder.module.declare_intrinsic("llvm.readcyclecounter", (), ir.FunctionType(_I64, []))
            return builder.call(function, [])

        return types.int64(), codegen
