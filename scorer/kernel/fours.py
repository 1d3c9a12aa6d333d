"""Four rows at a time, at six points: LLVM's own vectors, for which numba's Python has no words.

Each operation is built into the loops of `scorer.kernel.contributions`. A vector has one row in each of
its lanes, which never meet: a row gets the same bits whatever the rows beside it. Multiplications and
additions stay apart (no fused ones), so every processor gets the same bits.

A product is known by its values at six points, one vector for each, one behind the other: `BLOCK` doubles.
A rule has its six points p from `at` on, then the six 1 - p, then the six weight / (1 - p). Offsets count
elements and are not checked: `scorer.kernel.layout` makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

#: Rows in a vector, and points of a product.
ROWS: Final = 4
POINTS: Final = 6
BLOCK: Final = ROWS * POINTS

_DOUBLE: Final = ir.DoubleType()
_VECTOR: Final = ir.VectorType(_DOUBLE, ROWS)
_RANKS: Final = ir.VectorType(ir.IntType(16), ROWS)
_ALL_FIRST: Final = ir.Constant(ir.VectorType(ir.IntType(32), ROWS), [0] * ROWS)
_ONES: Final = ir.Constant(_VECTOR, [1.0] * ROWS)
_DOUBLES: Final = types.Array(types.float64, 1, "C")
_RANK_ARRAY: Final = types.Array(types.uint16, 1, "C")
_KINDS: Final = {
    "d": _DOUBLES, "r": _RANK_ARRAY, "o": types.uint64, "k": types.uint16, "n": types.float64,
}  # fmt: skip


class _Builder:
    """LLVM's builder with the few things that are done to fours."""

    def __init__(self, context: Any, builder: Any) -> None:
        self._context = context
        self._ir = builder
        self.plus, self.minus = builder.fadd, builder.fsub
        self.times, self.over = builder.fmul, builder.fdiv

    def load(self, array: Any, offset: Any, *, point: int = 0) -> Any:
        vector = self._ir.load(self._at(_DOUBLES, array, offset, point * ROWS, _VECTOR))
        vector.align = 8
        return vector

    def store(self, vector: Any, array: Any, offset: Any, *, point: int = 0) -> None:
        self._ir.store(vector, self._at(_DOUBLES, array, offset, point * ROWS, _VECTOR)).align = 8

    def spread(self, array: Any, offset: Any, further: int) -> Any:
        """One number of the array in all lanes."""
        return self.repeated(self._ir.load(self._at(_DOUBLES, array, offset, further, _DOUBLE)))

    def repeated(self, value: Any, *, vector: Any = _VECTOR) -> Any:
        undefined = ir.Constant(vector, ir.Undefined)
        first = self._ir.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
        return self._ir.shuffle_vector(first, undefined, _ALL_FIRST)

    def are_above(self, ranks: Any, offset: Any, rank: Any) -> Any:
        """1.0 in the lanes whose rank is larger, else 0.0."""
        found = self._ir.load(self._at(_RANK_ARRAY, ranks, offset, 0, _RANKS))
        found.align = 2
        above = self._ir.icmp_unsigned(">", found, self.repeated(rank, vector=_RANKS))
        return self._ir.uitofp(above, _VECTOR)

    def _at(self, kind: Any, array: Any, offset: Any, further: int, of: Any) -> Any:
        start = self._context.make_array(kind)(self._context, self._ir, array).data
        beyond = self._ir.add(offset, ir.Constant(ir.IntType(64), further))
        return self._ir.bitcast(self._ir.gep(start, [beyond]), of.as_pointer())


def _operation(arguments: str, emit: Callable[..., None]) -> Any:
    """`arguments` has a letter each: doubles, ranks, an offset, a rank (k), a number."""

    def code(context: Any, builder: Any, _: Any, values: Any) -> Any:
        emit(_Builder(context, builder), *values)
        return context.get_dummy_value()

    return types.void(*(_KINDS[letter] for letter in arguments)), code


def _fill(v: _Builder, products: Any, to: Any, value: Callable[[int], Any]) -> None:
    """products[to] = value, point by point."""
    for point in range(POINTS):
        v.store(value(point), products, to, point=point)


def _settle(v: _Builder, sums: Any, to: Any, products: Any, of: Any, weight: Callable[[int], Any]) -> None:
    """sums[to] += products[of] · weight, all points together."""
    total = v.load(sums, to)
    for point in range(POINTS):
        total = v.plus(total, v.times(v.load(products, of, point=point), weight(point)))
    v.store(total, sums, to)


def _ask(_: Any, passes: Any, to: Any, ranks: Any, of: Any, rank: Any) -> Any:
    """passes[to] = 1.0 for the rows that go left, else 0.0; the next four for those that go right."""

    def emit(v: _Builder, passes: Any, to: Any, ranks: Any, of: Any, rank: Any) -> None:
        right = v.are_above(ranks, of, rank)
        v.store(v.minus(_ONES, right), passes, to)
        v.store(right, passes, to, point=1)

    return _operation("dorok", emit)


def _and_above(_: Any, passes: Any, at: Any, above: Any) -> Any:
    """passes[at] *= passes[above]."""

    def emit(v: _Builder, passes: Any, at: Any, above: Any) -> None:
        v.store(v.times(v.load(passes, at), v.load(passes, above)), passes, at)

    return _operation("doo", emit)


def _enter(
    _: Any, products: Any, to: Any, of: Any, passes: Any, at: Any, share: Any, rule: Any, points: Any
) -> Any:
    """products[to] = products[of] · (passes[at] · p + share · (1 - p))."""

    def emit(
        v: _Builder, products: Any, to: Any, of: Any, passes: Any, at: Any, share: Any, rule: Any, points: Any
    ) -> None:
        passed, shared = v.load(passes, at), v.repeated(share)

        def product(point: int) -> Any:
            factor = _factor(v, passed, shared, rule, points, point)
            return v.times(v.load(products, of, point=point), factor)

        _fill(v, products, to, product)

    return _operation("doodondo", emit)


def _enter_again(
    _: Any, products: Any, to: Any, of: Any, passes: Any, at: Any, share: Any, above: Any, share_above: Any,
    rule: Any, points: Any,
) -> Any:  # fmt: skip
    """As `enter`, with the same factor of the split further up taken out."""

    def emit(
        v: _Builder, products: Any, to: Any, of: Any, passes: Any, at: Any, share: Any, above: Any,
        share_above: Any, rule: Any, points: Any,
    ) -> None:  # fmt: skip
        passed, shared = v.load(passes, at), v.repeated(share)
        passed_above, shared_above = v.load(passes, above), v.repeated(share_above)

        def product(point: int) -> Any:
            factor = _factor(v, passed, shared, rule, points, point)
            before = _factor(v, passed_above, shared_above, rule, points, point)
            return v.times(v.load(products, of, point=point), v.over(factor, before))

        _fill(v, products, to, product)

    return _operation("doodonondo", emit)


def _factor(v: _Builder, passed: Any, shared: Any, rule: Any, points: Any, point: int) -> Any:
    taken = v.times(passed, v.spread(rule, points, point))
    return v.plus(taken, v.times(shared, v.spread(rule, points, POINTS + point)))


def _times(_: Any, products: Any, at: Any, value: Any) -> Any:
    """products[at] *= value."""

    def emit(v: _Builder, products: Any, at: Any, value: Any) -> None:
        factor = v.repeated(value)
        _fill(v, products, at, lambda point: v.times(v.load(products, at, point=point), factor))

    return _operation("don", emit)


def _add_pair(_: Any, products: Any, to: Any, of: Any) -> Any:
    """products[to] = the product at `of` plus the one behind it."""

    def emit(v: _Builder, products: Any, to: Any, of: Any) -> None:
        def both(point: int) -> Any:
            return v.plus(v.load(products, of, point=point), v.load(products, of, point=POINTS + point))

        _fill(v, products, to, both)

    return _operation("doo", emit)


def _credit(
    _: Any, sums: Any, to: Any, products: Any, of: Any, passes: Any, at: Any, gains: Any, gain: Any,
    rule: Any, points: Any,
) -> Any:  # fmt: skip
    """sums[to] += products[of] · (passes[at] · gain - weight / (1 - p)), all points together."""

    def emit(
        v: _Builder, sums: Any, to: Any, products: Any, of: Any, passes: Any, at: Any, gains: Any, gain: Any,
        rule: Any, points: Any,
    ) -> None:  # fmt: skip
        passed = v.load(passes, at)

        def weight(point: int) -> Any:
            gained = v.times(passed, v.spread(gains, gain, point))
            return v.minus(gained, v.spread(rule, points, 2 * POINTS + point))

        _settle(v, sums, to, products, of, weight)

    return _operation("dododododo", emit)


def _credit_again(
    _: Any, sums: Any, to: Any, products: Any, of: Any, passes: Any, at: Any, above: Any, gains: Any,
    gain: Any, gain_above: Any,
) -> Any:  # fmt: skip
    """As `credit`, with what the split further up is credited with taken out."""

    def emit(
        v: _Builder, sums: Any, to: Any, products: Any, of: Any, passes: Any, at: Any, above: Any, gains: Any,
        gain: Any, gain_above: Any,
    ) -> None:  # fmt: skip
        passed, passed_above = v.load(passes, at), v.load(passes, above)

        def weight(point: int) -> Any:
            gained = v.times(passed, v.spread(gains, gain, point))
            return v.minus(gained, v.times(passed_above, v.spread(gains, gain_above, point)))

        _settle(v, sums, to, products, of, weight)

    return _operation("dododoodoo", emit)


ask: Any = intrinsic(_ask)
and_above: Any = intrinsic(_and_above)
enter: Any = intrinsic(_enter)
enter_again: Any = intrinsic(_enter_again)
times: Any = intrinsic(_times)
add_pair: Any = intrinsic(_add_pair)
credit: Any = intrinsic(_credit)
credit_again: Any = intrinsic(_credit_again)
