"""Vectors of sixteen numbers: what loops compiled by numba do with them.

Each function gives code for fixed numbers of rows, vectors and columns, whose sums stay
in registers. Addresses and strides are in bytes. LLVM makes of a vector what the
processor has, so the same code runs where there are only narrow ones.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 16
NUMBER, WORD, SHORT = ir.FloatType(), ir.IntType(64), ir.IntType(32)
VECTOR = ir.VectorType(NUMBER, LANES)
BYTES = 4 * LANES
HEIGHTS, VECTORS = {1: 8, 4: 4}, (1, 2, 3, 4)
"""Rows that are worked on together, with columns in `outer`; and vectors of each."""
# multiply and add at once where the processor can
FUSED = ("contract",)

Builder = Any
Value = Any


def _at(b: Builder, address: Value, kind: Any) -> Value:
    return b.inttoptr(address, kind.as_pointer())


def _load(b: Builder, address: Value, kind: Any = VECTOR) -> Value:
    return b.load(_at(b, address, kind), align=4)


def _store(b: Builder, value: Value, address: Value) -> None:
    b.store(value, _at(b, address, value.type), align=4)


def _word(number: int) -> Value:
    return ir.Constant(WORD, number)


def _plus(b: Builder, address: Value, number: int) -> Value:
    return b.add(address, _word(number)) if number else address


def _order(lanes: list[int]) -> Value:
    return ir.Constant(ir.VectorType(SHORT, len(lanes)), lanes)


def _same(b: Builder, number: Value) -> Value:
    """A vector of one number."""
    empty = ir.Constant(VECTOR, ir.Undefined)
    one = b.insert_element(empty, number, ir.Constant(SHORT, 0))
    return b.shuffle_vector(one, empty, _order([0] * LANES))


def _add_product(b: Builder, x: Value, y: Value, place: Value) -> None:
    product = b.fmul(x, y, flags=FUSED)
    b.store(b.fadd(product, b.load(place), flags=FUSED), place)


def _sums(b: Builder, vectors: list[Value]) -> Value:
    """The sums of 1, 2, 4, 8 or 16 vectors, as one vector of so many numbers."""
    width = LANES  # lanes that are one sum
    while width > 1:
        half, starts = width // 2, list(range(0, vectors[0].type.count, width))
        pairs = list(zip(vectors[::2], vectors[1::2], strict=False))
        if pairs:
            starts += [LANES + s for s in starts]
        lows = [s + i for s in starts for i in range(half)]
        low, high = _order(lows), _order([lane + half for lane in lows])
        vectors = [
            b.fadd(b.shuffle_vector(x, y, low), b.shuffle_vector(x, y, high))
            for x, y in pairs or [(vectors[0], vectors[0])]
        ]
        width = half
    return vectors[0]


def _loop(
    b: Builder, start: Value, stop: Value, step: int
) -> AbstractContextManager[Any]:
    return cgutils.for_range_slice(b, start, stop, _word(step), WORD)


def _offsets(b: Builder, vectors: int, near: Value, far: Value) -> list[Value]:
    """Where the vectors of a row lie: each second one ``near``, pairs ``far`` apart."""
    found = []
    for v in range(vectors):
        offset = b.mul(far, _word(v // 2))
        found.append(b.add(offset, near) if v % 2 else offset)
    return found


Code = Callable[..., None]


def _signature(words: int) -> Any:
    return types.void(*[types.intp] * words)


def _chooser(name: str, codes: dict[int, Code]) -> Any:
    """Calls of the function of the code that the first word names.

    A library has one copy of each of these functions.
    """

    def generate(context: Any, b: Builder, signature: Any, given: Any) -> Value:
        which, *rest = given
        kind = ir.FunctionType(ir.VoidType(), [WORD] * len(rest))
        end = b.append_basic_block()
        switch = b.switch(which, end)
        for number, code in codes.items():
            made = cgutils.get_or_insert_function(b.module, kind, f"{name}_{number}")
            if not made.blocks:
                made.linkage = "linkonce_odr"
                made.attributes.add("noinline")
                inside = ir.IRBuilder(made.append_basic_block())
                code(inside, *made.args)
                inside.ret_void()
            block = b.append_basic_block()
            switch.add_case(_word(number), block)
            b.position_at_end(block)
            b.call(made, rest)
            b.branch(end)
        b.position_at_end(end)
        return context.get_dummy_value()

    return generate


def _product(rows: int, vectors: int) -> Code:
    unrolled = max(1, 4 // (rows * vectors))  # sums that do not wait for each other

    def code(
        b: Builder, to: Value, to_row: Value, near: Value, far: Value,
        values: Value, columns: Value, count: Value, read: Value, read_row: Value,
    ) -> None:  # fmt: skip
        offsets = _offsets(b, vectors, near, far)
        places = [
            b.add(b.add(to, b.mul(to_row, _word(r))), offset)
            for r in range(rows)
            for offset in offsets
        ]
        zero = ir.Constant(VECTOR, [0.0] * LANES)
        sums = [
            [cgutils.alloca_once(b, VECTOR) for _ in places] for _ in range(unrolled)
        ]
        for number, own in enumerate(sums):
            for place, total in zip(places, own, strict=True):
                b.store(zero if number else _load(b, place), total)

        def add(k: Value, own: list[Value]) -> None:
            column = _load(b, b.add(columns, b.mul(k, _word(4))), SHORT)
            row = b.add(read, b.mul(b.sext(column, WORD), read_row))
            seen = [_load(b, _plus(b, row, BYTES * v)) for v in range(vectors)]
            value = b.add(values, b.mul(k, _word(4 * rows)))
            for r in range(rows):
                weight = _same(b, _load(b, _plus(b, value, 4 * r), NUMBER))
                for v in range(vectors):
                    _add_product(b, weight, seen[v], own[r * vectors + v])

        whole = b.and_(count, _word(-unrolled))
        with _loop(b, _word(0), whole, unrolled) as (k, _):
            for number, own in enumerate(sums):
                add(_plus(b, k, number), own)
        if unrolled > 1:
            with _loop(b, whole, count, 1) as (k, _):
                add(k, sums[0])
        for number, place in enumerate(places):
            total = b.load(sums[0][number])
            for own in sums[1:]:
                total = b.fadd(total, b.load(own[number]))
            _store(b, total, place)

    return code


@intrinsic
def product(
    context: Any, which: Any, to: Any, to_row: Any, near: Any, far: Any, values: Any,
    columns: Any, count: Any, read: Any, read_row: Any,
) -> Any:  # fmt: skip
    """Add to rows of vectors the weighted sum of other rows.

    The rows of ``columns`` are read, each with as many values as there are rows to add
    to; ``which`` is 10 times their number, and the number of vectors.
    """
    codes = {10 * r + v: _product(r, v) for r in HEIGHTS for v in VECTORS}
    return _signature(10), _chooser("product", codes)


def _outer(rows: int, vectors: int) -> Code:
    columns = HEIGHTS[rows]

    def code(
        b: Builder, to: Value, left: Value, left_row: Value, left_panel: Value,
        near: Value, far: Value, right: Value, right_row: Value, right_panel: Value,
        panels: Value, places: Value, count: Value,
    ) -> None:  # fmt: skip
        offsets = _offsets(b, vectors, near, far)
        sums = [cgutils.alloca_once(b, VECTOR) for _ in range(columns * rows)]
        own = [b.add(left, b.mul(left_row, _word(r))) for r in range(rows)]
        with _loop(b, _word(0), count, columns) as (k, _):
            for total in sums:
                b.store(ir.Constant(VECTOR, [0.0] * LANES), total)
            others, at = [], b.add(places, b.mul(k, _word(4)))
            for c in range(columns):
                place = b.sext(_load(b, _plus(b, at, 4 * c), SHORT), WORD)
                others.append(b.add(right, b.mul(place, right_row)))
            with _loop(b, _word(0), panels, 1) as (p, _):
                a, z = b.mul(p, left_panel), b.mul(p, right_panel)
                for v in range(vectors):
                    ours = [_load(b, b.add(b.add(row, a), offsets[v])) for row in own]
                    for c in range(columns):
                        other = _load(b, _plus(b, b.add(others[c], z), BYTES * v))
                        for r in range(rows):
                            _add_product(b, ours[r], other, sums[c * rows + r])
            total = _sums(b, [b.load(each) for each in sums])
            _store(b, total, b.add(to, b.mul(k, _word(4 * rows))))

    return code


@intrinsic
def outer(
    context: Any, which: Any, to: Any, left: Any, left_row: Any, left_panel: Any,
    near: Any, far: Any, right: Any, right_row: Any, right_panel: Any, panels: Any,
    places: Any, count: Any,
) -> Any:  # fmt: skip
    """Sums of products of rows with other rows, over all vectors of all panels.

    The sums of a column stand together. Columns are worked on 4 or 8 at a time, so
    there are as many at ``places``, and room for their sums. ``which`` as of `product`.
    """
    codes = {10 * r + v: _outer(r, v) for r in HEIGHTS for v in VECTORS}
    return _signature(13), _chooser("outer", codes)


def _turn(b: Builder, to: Value, to_row: Value, read: Value, read_row: Value) -> None:
    rows = [_load(b, b.add(read, b.mul(read_row, _word(r)))) for r in range(LANES)]
    half = LANES // 2
    while half:
        swapped = list(rows)
        for r in range(LANES):
            if not r & half:
                x, y = rows[r], rows[r + half]
                low = [i if not i & half else LANES + i - half for i in range(LANES)]
                high = [i + half if not i & half else LANES + i for i in range(LANES)]
                swapped[r] = b.shuffle_vector(x, y, _order(low))
                swapped[r + half] = b.shuffle_vector(x, y, _order(high))
        rows, half = swapped, half // 2
    for r, row in enumerate(rows):
        _store(b, row, b.add(to, b.mul(to_row, _word(r))))


@intrinsic
def turn(
    context: Any, which: Any, to: Any, to_row: Any, read: Any, read_row: Any
) -> Any:
    """Turn a block of 16 x 16 numbers over; ``which`` is 0."""
    return _signature(5), _chooser("turn", {0: _turn})


@intrinsic
def word(context: Any, address: Any, place: Any) -> Any:
    """The word at a place behind an address."""

    def code(context: Any, b: Builder, signature: Any, given: Any) -> Value:
        at = b.add(given[0], b.mul(given[1], _word(8)))
        return b.load(_at(b, at, WORD), align=8)

    return types.intp(types.intp, types.intp), code


def _pointer(kind: Any, own: Any) -> Any:
    def point(context: Any, address: Any) -> Any:
        def code(context: Any, b: Builder, signature: Any, given: Any) -> Value:
            return _at(b, given[0], kind)

        return types.CPointer(own)(types.intp), code

    return intrinsic(point)


numbers = _pointer(NUMBER, types.float32)
shorts = _pointer(SHORT, types.int32)
longs = _pointer(WORD, types.int64)
doubles = _pointer(ir.DoubleType(), types.float64)
