"""`scorestream keys`: make, list and revoke API keys of the gateway."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from contracts.keys import KeyEntry, KeysFile, Scope, new_key

_file = click.option(
    "--file",
    "path",
    envvar="GATEWAY_KEYS_FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    show_envvar=True,
    help="The gateway's keys file; it holds hashes, never keys.",
)


@click.group()
def keys() -> None:
    """API keys. The gateway takes a changed file up within a second, without a restart."""


@keys.command()
@_file
@click.option("--client-id", required=True, help="Whose key it is; decisions are readable by their client.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=(Scope.SCORE.value, Scope.READ.value),
    show_default=True,
)
@click.option("--rate", type=click.FloatRange(min=0.1), help="Most requests a second.")
@click.option("--max-in-flight", type=click.IntRange(min=1), help="Most requests under way at once.")
def new(
    path: Path, client_id: str, scopes: tuple[str, ...], rate: float | None, max_in_flight: int | None
) -> None:
    """Make a key and print it. It is shown this once; the file keeps its hash."""
    key, entry = new_key(client_id, frozenset(Scope(scope) for scope in scopes))
    entry = msgspec.structs.replace(entry, rate_per_s=rate, max_in_flight=max_in_flight)
    _write(path, (*_read(path), entry))
    click.echo(key)


@keys.command(name="list")
@_file
def list_keys(path: Path) -> None:
    """Show the keys that are let in."""
    for entry in _read(path):
        limits = f"{entry.rate_per_s or '∞'}/s, {entry.max_in_flight or '∞'} in flight"
        click.echo(f"{entry.key_id}  {entry.client_id}  {','.join(sorted(entry.scopes))}  {limits}")


@keys.command()
@_file
@click.argument("key_id")
def revoke(path: Path, key_id: str) -> None:
    """Shut a key out. To rotate: make a new one, hand it over, revoke the old one."""
    entries = _read(path)
    left = tuple(entry for entry in entries if entry.key_id != key_id)
    if len(left) == len(entries):
        raise click.ClickException(f"there is no key {key_id}; see: scorestream keys list")
    _write(path, left)


def _read(path: Path) -> tuple[KeyEntry, ...]:
    if not path.exists():
        return ()
    try:
        return msgspec.json.decode(path.read_bytes(), type=KeysFile).keys
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"{path} is no keys file: {error}") from error


def _write(path: Path, entries: tuple[KeyEntry, ...]) -> None:
    encoded = msgspec.json.format(msgspec.json.encode(KeysFile(entries)))
    try:
        msgspec.json.decode(encoded, type=KeysFile)
    except msgspec.MsgspecError as error:
        raise click.ClickException(f"a gateway would refuse this key: {error}") from error
    draft = path.with_name(f".{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_bytes(encoded)
    draft.replace(path)
