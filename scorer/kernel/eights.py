"""Eight doubles at a time: LLVM's own vectors, for which numba's Python has no words.

Each operation is built into the loops of `scorer.kernel.machine`. Multiplications and additions stay
apart (no fused ones), so every processor gets the same bits. Offsets count doubles and are not
checked: `scorer.kernel.layout` makes them. `rule` holds eight points and then their weights, from `at` on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

EIGHT: Final = 8

_DOUBLE: Final = ir.DoubleType()
_VECTOR: Final = ir.VectorType(_DOUBLE, EIGHT)
_UNDEFINED: Final = ir.Constant(_VECTOR, ir.Undefined)
_ALL_FIRST: Final = ir.Constant(ir.VectorType(ir.IntType(32), EIGHT), [0] * EIGHT)
_ARRAY: Final = types.Array(types.float64, 1, "C")
_OFFSET: Final = types.uint64
_NUMBER: Final = types.float64


class _Builder:
    """LLVM's builder with the few things that are done to eights."""

    def __init__(self, context: Any, builder: Any) -> None:
        self._context = context
        self._ir = builder
        self.plus, self.minus = builder.fadd, builder.fsub
        self.times, self.over = builder.fmul, builder.fdiv

    def load(self, array: Any, offset: Any, *, further: int = 0) -> Any:
        beyond = self._ir.add(offset, ir.Constant(ir.IntType(64), further))
        eight = self._ir.load(self._pointer(array, beyond))
        eight.align = 8
        return eight

    def store(self, eight: Any, array: Any, offset: Any) -> None:
        self._ir.store(eight, self._pointer(array, offset)).align = 8

    def line(self, start: Any, slope: Any, points: Any) -> Any:
        return self.plus(self.repeated(start), self.times(self.repeated(slope), points))

    def others(self, share: Any) -> Any:
        return self.minus(ir.Constant(_DOUBLE, 1.0), share)

    def repeated(self, number: Any) -> Any:
        one = self._ir.insert_element(_UNDEFINED, number, ir.Constant(ir.IntType(32), 0))
        return self._ir.shuffle_vector(one, _UNDEFINED, _ALL_FIRST)

    def _pointer(self, array: Any, offset: Any) -> Any:
        start = self._context.make_array(_ARRAY)(self._context, self._ir, array).data
        return self._ir.bitcast(self._ir.gep(start, [offset]), _VECTOR.as_pointer())


def _operation(arguments: str, emit: Callable[..., None]) -> tuple[Any, Any]:
    """`arguments` has a letter each: a for an array, o for an offset, n for a number."""
    kinds = {"a": _ARRAY, "o": _OFFSET, "n": _NUMBER}

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        emit(_Builder(context, builder), *values)
        return context.get_dummy_value()

    return types.void(*(kinds[letter] for letter in arguments)), code


def _times_line(_: Any, products: Any, to: Any, of: Any, start: Any, slope: Any, rule: Any, at: Any) -> Any:
    """products[to] = products[of] · (start + slope · points)."""

    def emit(
        v: _Builder, products: Any, to: Any, of: Any, start: Any, slope: Any, rule: Any, at: Any
    ) -> None:
        factor = v.line(start, slope, v.load(rule, at))
        v.store(v.times(v.load(products, of), factor), products, to)

    return _operation("aoonnao", emit)


def _times_ratio(
    _: Any, products: Any, to: Any, of: Any, start: Any, slope: Any, share: Any, rule: Any, at: Any
) -> Any:
    """products[to] = products[of] · (start + slope · points) / (share + (1 - share) · points)."""

    def emit(
        v: _Builder, products: Any, to: Any, of: Any, start: Any, slope: Any, share: Any, rule: Any, at: Any
    ) -> None:
        points = v.load(rule, at)
        ratio = v.over(v.line(start, slope, points), v.line(share, v.others(share), points))
        v.store(v.times(v.load(products, of), ratio), products, to)

    return _operation("aoonnnao", emit)


def _add_pair(_: Any, products: Any, to: Any, of: Any) -> Any:
    """products[to] = the eight at `of` plus the eight after it."""

    def emit(v: _Builder, products: Any, to: Any, of: Any) -> None:
        v.store(v.plus(v.load(products, of), v.load(products, of, further=EIGHT)), products, to)

    return _operation("aoo", emit)


def _credit(
    _: Any, sums: Any, to: Any, products: Any, of: Any, start: Any, slope: Any, rule: Any, at: Any
) -> Any:
    """sums[to] += products[of] · weights · slope / (start + slope · points)."""
    return _operation("aoaonnao", lambda v, *values: _settle(v, v.plus, *values))


def _debit(
    _: Any, sums: Any, to: Any, products: Any, of: Any, start: Any, slope: Any, rule: Any, at: Any
) -> Any:
    """sums[to] -= products[of] · weights · slope / (start + slope · points)."""
    return _operation("aoaonnao", lambda v, *values: _settle(v, v.minus, *values))


def _settle(
    v: _Builder,
    combine: Any,
    sums: Any,
    to: Any,
    products: Any,
    of: Any,
    start: Any,
    slope: Any,
    rule: Any,
    at: Any,
) -> None:
    weights = v.times(v.repeated(slope), v.load(rule, at, further=EIGHT))
    part = v.over(weights, v.line(start, slope, v.load(rule, at)))
    v.store(combine(v.load(sums, to), v.times(v.load(products, of), part)), sums, to)


times_line: Any = intrinsic(_times_line)
times_ratio: Any = intrinsic(_times_ratio)
add_pair: Any = intrinsic(_add_pair)
credit: Any = intrinsic(_credit)
debit: Any = intrinsic(_debit)
