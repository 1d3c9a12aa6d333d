"""A frame as the bytes of a CSV file, as pandas writes it, at the speed of Arrow.

pandas spells a float column 24700.5 and 202500.0, an integer column 202500, a missing value as
nothing, and quotes only words that hold a comma. Arrow's own writer quotes all words and drops the
".0", which readers that infer types would notice; its string kernels do the work here.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.sample.frame import Column, Frame, Words

_NEWLINE, _COMMA, _NOTHING, _POINT_ZERO = (
    pa.scalar(text, pa.large_string()) for text in ("\n", ",", "", ".0")
)


def header(names: Iterable[str]) -> bytes:
    """The first line of the file."""
    return (",".join(names) + "\n").encode()


def lines(frame: Frame) -> bytes:
    """The rows of the frame, one line each."""
    columns = [_text(column) for column in frame.values()]
    if len(columns[0]) == 0:
        return b""
    columns[-1] = _join(columns[-1], _NEWLINE, _NOTHING)
    rows = _join(*columns, _COMMA)
    # The values of a string array lie end to end in one buffer: that is the file.
    _, offsets, values = rows.buffers()
    end = int(np.frombuffer(offsets, dtype=np.int64)[len(rows)])
    return memoryview(values)[:end].tobytes()


def _join(*parts: pa.Array | pa.Scalar) -> pa.Array:
    """The parts of each row joined by the last one; a missing part is empty."""
    return pc.binary_join_element_wise(*parts, null_handling="replace", null_replacement="")


def _text(column: Column) -> pa.Array:
    if isinstance(column, Words):
        return _words(column)
    if column.dtype.kind in "iu":
        return pa.array(column).cast(pa.large_string())
    return _floats(np.asarray(column, dtype=np.float64))


def _words(column: Words) -> pa.Array:
    spelled = pa.array(
        [f'"{word}"' if "," in word else word for word in column.categories], pa.large_string()
    )
    indices = pa.array(column.codes.astype(np.int32), mask=column.codes < 0)
    return spelled.take(indices)


def _floats(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> pa.Array:
    absent = np.isnan(values)
    filled = np.where(absent, 0.0, values)
    whole = filled == np.rint(filled)
    if whole.all():
        digits = pa.array(filled.astype(np.int64), mask=absent).cast(pa.large_string())
        return pc.binary_join_element_wise(digits, _POINT_ZERO, _NOTHING)
    text = pa.array(values, mask=absent).cast(pa.large_string())
    if not whole.any():
        return text
    suffix = pa.array(["", ".0"], pa.large_string()).take(pa.array(whole.astype(np.int8)))
    return pc.binary_join_element_wise(text, suffix, _NOTHING)
