"""The model bundle: everything that decides, in a folder of three files, without a pickle.

    model.txt       the trees, as LightGBM's text
    golden.json     rows with the exact margins that the training process saw for them
    manifest.json   features, calibrator, cut-offs, points, reasons, lineage, hashes of the others

The bundle's digest is the SHA-256 of manifest.json, which holds the hashes of the other two.
`read_bundle` trusts nothing: what it returns has passed every check that needs no LightGBM;
`scorer.model.ServingModel` does the rest. Written by training, read by every scorer.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from scorer.calibration import check_calibrator, check_probabilities
from scorer.errors import BundleRefused, Refusal
from scorer.golden import GoldenRows, check_golden
from scorer.manifest import FORMAT_VERSION, Manifest, check_features
from scorer.policy import check_policy
from scorer.reasons import check_catalogue
from scorer.structure import ModelStructure, check_structure

MANIFEST: Final = "manifest.json"
MODEL: Final = "model.txt"
GOLDEN: Final = "golden.json"
#: What each file may weigh at most, in bytes.
SIZE_LIMITS: Final = {MANIFEST: 4 << 20, MODEL: 128 << 20, GOLDEN: 16 << 20}

_PICKLE_SUFFIXES: Final = frozenset({".pkl", ".pickle", ".joblib", ".dill", ".npy", ".npz", ".pt"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle, in memory. `digest` is what a promotion names; nothing here was executed."""

    digest: str
    manifest: Manifest
    model_text: str
    structure: ModelStructure
    golden: GoldenRows


def write_bundle(folder: Path, manifest: Manifest, *, model_text: str, golden: GoldenRows) -> str:
    """The digest of the bundle written to `folder`, which is made and must be empty.

    The manifest's `files` are filled in here; the manifest goes last, so that a folder without
    one is an unfinished bundle. The bundle is read back: what is written can be served.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bodies = {MODEL: model_text.encode("ascii"), GOLDEN: _pretty(golden)}
    hashes = {name: hashlib.sha256(body).hexdigest() for name, body in bodies.items()}
    sizes = {name: len(body) for name, body in bodies.items()}
    bodies[MANIFEST] = _pretty(msgspec.structs.replace(manifest, sha256=hashes, size_bytes=sizes))
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    return read_bundle(folder).digest


def read_bundle(folder: Path, *, expected_digest: str | None = None) -> Bundle:
    """The bundle in `folder`, checked.

    Raises
    ------
    BundleRefused
        With the first rule that it breaks as `reason`. The holder keeps its old model.
    """
    _check_names(folder)
    raw_manifest = _read(folder, MANIFEST)
    digest = hashlib.sha256(raw_manifest).hexdigest()
    if expected_digest is not None and digest != expected_digest:
        raise BundleRefused(Refusal.DIGEST_MISMATCH, f"{digest} is there, {expected_digest} was promoted")
    manifest = _decode_manifest(raw_manifest)
    check_features(manifest.features)
    feature_names = manifest.feature_names
    check_calibrator(manifest.calibrator)
    check_policy(manifest.cut_offs, manifest.points)
    check_catalogue(manifest.reason_groups, feature_names)
    model_text = _ascii(_read_hashed(folder, MODEL, manifest))
    structure = check_structure(model_text)
    if structure.feature_names != feature_names:
        raise BundleRefused(Refusal.FEATURES_DIFFER, "model.txt and manifest.json name other features")
    golden = _decode_golden(_read_hashed(folder, GOLDEN, manifest))
    check_golden(golden, n_features=len(feature_names))
    check_probabilities(manifest.calibrator, golden.expected_margins())
    return Bundle(digest=digest, manifest=manifest, model_text=model_text, structure=structure, golden=golden)


def _pretty(struct: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(struct), indent=1)


def _check_names(folder: Path) -> None:
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    for name in sorted(names - SIZE_LIMITS.keys()):
        if Path(name).suffix.lower() in _PICKLE_SUFFIXES:
            raise BundleRefused(Refusal.PICKLE_INSIDE, f"{name[:80]!r} can run code when it is read")
        raise BundleRefused(Refusal.UNKNOWN_FILE, f"{name[:80]!r} is not part of a bundle")
    for name in SIZE_LIMITS:
        if name not in names:
            raise BundleRefused(Refusal.MISSING_FILE, f"{name} is missing")


def _read(folder: Path, name: str) -> bytes:
    try:
        # A link could name any file of the machine.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            body = file.read(SIZE_LIMITS[name] + 1)
    except OSError as error:
        raise BundleRefused(Refusal.UNKNOWN_FILE, f"{name} is no plain file: {error.strerror}") from error
    if len(body) > SIZE_LIMITS[name]:
        raise BundleRefused(Refusal.TOO_LARGE, f"{name} is larger than {SIZE_LIMITS[name]} bytes")
    if body[:1] == b"\x80":
        raise BundleRefused(Refusal.PICKLE_INSIDE, f"{name} begins as a pickle does")
    return body


def _read_hashed(folder: Path, name: str, manifest: Manifest) -> bytes:
    body = _read(folder, name)
    if len(body) < manifest.size_bytes.get(name, 0):
        raise BundleRefused(Refusal.TRUNCATED, f"{name} ends after {len(body)} bytes")
    if hashlib.sha256(body).hexdigest() != manifest.sha256.get(name):
        raise BundleRefused(Refusal.HASH_MISMATCH, f"{name} is not the file that the manifest vouches for")
    return body


def _decode_manifest(raw: bytes) -> Manifest:
    try:
        version = msgspec.json.decode(raw, type=_Version).format_version
        if version != FORMAT_VERSION:
            raise BundleRefused(
                Refusal.UNSUPPORTED_FORMAT, f"format {version}; this scorer reads {FORMAT_VERSION}"
            )
        return msgspec.json.decode(raw, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        is_cut = "truncated" in str(error)
        raise BundleRefused(
            Refusal.TRUNCATED if is_cut else Refusal.MALFORMED_MANIFEST, f"{MANIFEST}: {error}"
        ) from error


def _decode_golden(raw: bytes) -> GoldenRows:
    try:
        return msgspec.json.decode(raw, type=GoldenRows)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleRefused(Refusal.MALFORMED_GOLDEN, f"{GOLDEN}: {error}") from error


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise BundleRefused(Refusal.BAD_STRUCTURE, f"{MODEL} is not plain ASCII") from error


class _Version(msgspec.Struct):
    format_version: int
