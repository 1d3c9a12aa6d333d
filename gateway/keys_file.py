"""The keys file, read again whenever it changes: keys are rotated without a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import structlog

from contracts.keys import KeysFile
from gateway.access import Access

log = structlog.get_logger()

_LOOK_EVERY_S = 1.0


class BadKeysFile(Exception):
    """The keys file can't be used; the message names the mend."""


def read_keys(path: Path) -> KeysFile:
    """The keys in `path`; raises BadKeysFile."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeysFile)
    except OSError as error:
        raise BadKeysFile(f"{path} can't be read ({error}); make one: scorestream keys new") from error
    except msgspec.MsgspecError as error:
        raise BadKeysFile(f"{path} is no keys file ({error}); make one: scorestream keys new") from error


async def follow_keys(path: Path, access: Access) -> None:
    """Keep `access` as the file has it, until cancelled; a file that turns bad changes nothing."""
    seen = _changed_at(path)
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        try:
            changed = _changed_at(path)
            if changed == seen:
                continue
            keys = read_keys(path)
        except (OSError, BadKeysFile) as error:
            log.error("the keys file can't be read; the keys stay as they were", error=str(error))
            continue
        access.replace(keys)
        seen = changed
        log.info("keys replaced", keys=len(keys.keys))


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns
