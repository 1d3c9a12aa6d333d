"""One promotion of a model at a time, wherever it is started: a lock that MLflow's own uniqueness holds.

A registered model `<name>.promoting` can be made only once; who made it holds the lock, and removes it. A
holder that was killed leaves it behind: after `_STALE_S`, far longer than a promotion takes, it is broken.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final
from uuid import uuid4

from training.errors import PromotionUnderWay

_STALE_S: Final = 15 * 60
_HELD_BY: Final = "holder"


@contextmanager
def promotion_lock(client: Any, name: str, *, now_s: float | None = None) -> Iterator[None]:
    """Hold the lock of `name` while the block lasts; PromotionUnderWay if somebody else does.

    `client` is an MlflowClient.
    """
    lock, token = f"{name}.promoting", uuid4().hex
    moment = time.time() if now_s is None else now_s
    if not _made(client, lock, token):
        _break_if_stale(client, lock, moment)
        if not _made(client, lock, token):
            raise PromotionUnderWay(f"{name} is being promoted by somebody else; try again in a minute")
    try:
        yield
    finally:
        if _holder(client, lock)[0] == token:
            client.delete_registered_model(lock)


def _made(client: Any, lock: str, token: str) -> bool:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        client.create_registered_model(lock, tags={_HELD_BY: token}, description="A promotion is under way.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return False
    return True


def _break_if_stale(client: Any, lock: str, now_s: float) -> None:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    token, made_s = _holder(client, lock)
    if token is None or now_s - made_s < _STALE_S or _holder(client, lock)[0] != token:
        return
    with suppress(MlflowException):
        client.delete_registered_model(lock)


def _holder(client: Any, lock: str) -> tuple[str | None, float]:
    """The holder's token and when it made the lock; None when nobody holds it."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        held = client.get_registered_model(lock)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None, 0.0
    return held.tags.get(_HELD_BY), held.creation_timestamp / 1000
