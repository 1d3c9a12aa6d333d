"""How the kernel's loops become machine code, for which processors, and where that is kept."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import llvmlite.binding
import numba
from numba.core import config
from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

Function = TypeVar("Function", bound=Callable[..., Any])

#: AVX2 and its company, as servers have had them since 2013. One target for all of these, so that an image's
#: code runs wherever the image does, and a sum is rounded in the same places on every machine.
_TARGET: Final = "x86-64-v3"
_NEEDED: Final = ("avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")


def _choose_target() -> None:
    has = llvmlite.binding.get_host_cpu_features()
    if platform.machine() == "x86_64" and all(has.get(part) for part in _NEEDED):
        config.CPU_NAME, config.CPU_FEATURES = _TARGET, ""


_choose_target()


class _BesideBytecode(InTreeCacheLocator):  # type: ignore[misc]  # numba is not typed
    """`__pycache__` of the package and no other folder: numba's cache is a pickle, and who can write
    there needs no pickle to run code. Unlike numba's own, this reads it where nobody can write.
    """

    def ensure_cache_path(self) -> None:
        with contextlib.suppress(OSError):
            Path(self.get_cache_path()).mkdir(exist_ok=True)

    def get_source_stamp(self) -> str:
        return _source_stamp()


@functools.cache
def _source_stamp() -> str:
    """Of the whole package: the loops call each other across files, and numba looks at a function's own."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


class _Implementation(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_BesideBytecode,)

    def reduce(self, cres: Any) -> Any:
        # Text for readers, with addresses of this process in it; without, a build gives the same bytes again.
        return super().reduce(cres._replace(type_annotation=""))


class _Cache(FunctionCache):  # type: ignore[misc]
    _impl_class = _Implementation

    def save_overload(self, sig: object, data: object) -> None:
        # Where nobody can write, the next process compiles again.
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)


def machine_code(function: Function) -> Function:
    """The function, compiled or found compiled when it is first called."""
    dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    dispatcher._cache = _Cache(function)  # as `cache=True` does, with numba's own folders
    return cast(Function, dispatcher)
