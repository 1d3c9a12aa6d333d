from __future__ import annotations

import hashlib
import json
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scorer.bundle import read_bundle
from scorer.errors import BundleRefused, Refusal
from scorer.fetch_bundle import REFUSED, prove
from scorer.model import LatencyBudget, ServingModel
from tests.models import built_model, write_model

Spoil = Callable[[Path], object]


def refusal(folder: Path, expected_digest: str | None = None) -> Refusal:
    with pytest.raises(BundleRefused) as refused:
        ServingModel(read_bundle(folder, expected_digest=expected_digest))
    return refused.value.reason


def edit_manifest(folder: Path, change: Callable[[Any], object]) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def vouch(folder: Path) -> None:
    """Write the true hashes and sizes into the manifest: a bundle that was made badly, not damaged."""

    def change(manifest: Any) -> None:
        for name in ("model.txt", "golden.json"):
            body = (folder / name).read_bytes()
            manifest["sha256"][name] = hashlib.sha256(body).hexdigest()
            manifest["size_bytes"][name] = len(body)

    edit_manifest(folder, change)


def manifest_with(change: Callable[[Any], object]) -> Spoil:
    return lambda folder: edit_manifest(folder, change)


def golden_with(change: Callable[[Any], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "golden.json"
        golden = json.loads(path.read_text())
        change(golden)
        path.write_text(json.dumps(golden))
        vouch(folder)

    return spoil


def model_with(old: str, new: str) -> Spoil:
    """Replaces the first `old`; a changed length is told to tree_sizes by nobody."""

    def spoil(folder: Path) -> None:
        path = folder / "model.txt"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        vouch(folder)

    return spoil


def cut(name: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-200])


def with_file(name: str, body: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(body)


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def linked(folder: Path) -> None:
    (folder / "model.txt").rename(folder.parent / "elsewhere.txt")
    (folder / "model.txt").symlink_to(folder.parent / "elsewhere.txt")


def swap_first_two_features(manifest: Any) -> None:
    features = manifest["features"]
    features[0], features[1] = features[1], features[0]


def drop_last_feature(manifest: Any) -> None:
    name = manifest["features"].pop()["name"]
    for group in manifest["reason_groups"]:
        group["features"] = [feature for feature in group["features"] if feature != name]


def category_of(manifest: Any) -> Any:
    return next(feature for feature in manifest["features"] if feature["categories"])


SPOILT: dict[str, tuple[Refusal, Spoil]] = {
    "an empty folder": (Refusal.MISSING_FILE, emptied),
    "no golden rows": (Refusal.MISSING_FILE, lambda f: (f / "golden.json").unlink()),
    "a file too many": (Refusal.UNKNOWN_FILE, with_file("notes.txt", b"hello")),
    "a folder inside": (Refusal.UNKNOWN_FILE, lambda f: (f / "more").mkdir()),
    "a link to another file": (Refusal.UNKNOWN_FILE, linked),
    "a pickle by name": (Refusal.PICKLE_INSIDE, with_file("model.pkl", pickle.dumps({}))),
    "a pickle in disguise": (Refusal.PICKLE_INSIDE, with_file("model.txt", pickle.dumps({}))),
    "a model cut short": (Refusal.TRUNCATED, cut("model.txt")),
    "golden rows cut short": (Refusal.TRUNCATED, cut("golden.json")),
    "a manifest cut short": (Refusal.TRUNCATED, cut("manifest.json")),
    "an empty manifest": (Refusal.TRUNCATED, with_file("manifest.json", b"")),
    "a manifest that is no JSON": (Refusal.MALFORMED_MANIFEST, with_file("manifest.json", b"features: []")),
    "a manifest nested without end": (Refusal.MALFORMED_MANIFEST, with_file("manifest.json", b"[" * 100_000)),
    "an absurdly large manifest": (Refusal.TOO_LARGE, with_file("manifest.json", b" " * (5 << 20))),
    "another model than vouched for": (
        Refusal.HASH_MISMATCH,
        lambda f: (f / "model.txt").write_text((f / "model.txt").read_text() + "\n"),
    ),
    "a newer format": (Refusal.UNSUPPORTED_FORMAT, manifest_with(lambda m: m.update(format_version=3))),
    "an older format": (Refusal.UNSUPPORTED_FORMAT, manifest_with(lambda m: m.update(format_version=1))),
    "a field nobody knows": (Refusal.MALFORMED_MANIFEST, manifest_with(lambda m: m.update(discount=1))),
    "no calibrator": (Refusal.MALFORMED_MANIFEST, manifest_with(lambda m: m.pop("calibrator"))),
    "an unknown feature": (
        Refusal.UNKNOWN_FEATURE,
        manifest_with(lambda m: m["features"][0].update(name="SHOE_SIZE")),
    ),
    "the same feature twice": (
        Refusal.DUPLICATE_FEATURE,
        manifest_with(lambda m: m["features"].append(m["features"][0])),
    ),
    "a feature of another type": (
        Refusal.WRONG_DTYPE,
        manifest_with(lambda m: m["features"][0].update(dtype="float64")),
    ),
    "categories in another order": (
        Refusal.CATEGORIES_CHANGED,
        manifest_with(lambda m: category_of(m)["categories"].reverse()),
    ),
    "a category without categories": (
        Refusal.CATEGORIES_CHANGED,
        manifest_with(lambda m: category_of(m).update(categories=[])),
    ),
    "features in another order": (Refusal.FEATURES_DIFFER, manifest_with(swap_first_two_features)),
    "a feature missing": (Refusal.FEATURES_DIFFER, manifest_with(drop_last_feature)),
    "a calibrator that falls": (
        Refusal.BAD_CALIBRATOR,
        manifest_with(lambda m: m.update(calibrator={"kind": "platt", "slope": -1.0, "intercept": 0.0})),
    ),
    "isotonic knots out of order": (
        Refusal.BAD_CALIBRATOR,
        manifest_with(
            lambda m: m.update(
                calibrator={"kind": "isotonic", "margins": [1.0, 0.0], "probabilities_at": [0.1, 0.2]}
            )
        ),
    ),
    "the same probability for everybody": (
        Refusal.CONSTANT_OUTPUT,
        manifest_with(lambda m: m.update(calibrator={"kind": "platt", "slope": 1e-300, "intercept": -2.0})),
    ),
    "nearly the same probability for everybody": (
        Refusal.CONSTANT_OUTPUT,
        manifest_with(
            lambda m: m.update(
                calibrator={
                    "kind": "isotonic",
                    "margins": [-99.0, 99.0],
                    "probabilities_at": [0.08, 0.08 + 1e-9],
                }
            )
        ),
    ),
    "cut-offs the wrong way round": (
        Refusal.BAD_CUT_OFFS,
        manifest_with(lambda m: m["cut_offs"].update(approve_below=0.5, decline_from=0.1)),
    ),
    "a scale that does not move": (
        Refusal.BAD_POINTS,
        manifest_with(lambda m: m["points"].update(points_to_double=0.0)),
    ),
    "a feature without a reason": (
        Refusal.BAD_REASONS,
        manifest_with(lambda m: m["reason_groups"][0]["features"].pop()),
    ),
    "a reason without French": (
        Refusal.BAD_REASONS,
        manifest_with(lambda m: m["reason_groups"][0]["texts"].pop("fr")),
    ),
    "a feature of a view nobody knows": (
        Refusal.UNKNOWN_FEATURE,
        manifest_with(lambda m: m["features"][0].update(view="rumours")),
    ),
    "a feature of the application called history": (
        Refusal.CATEGORIES_CHANGED,
        manifest_with(lambda m: m["features"][0].update(view="history", categories=[])),
    ),
    "no trees": (Refusal.TRUNCATED, model_with("end of trees", "end of seas")),
    "an unknown objective": (
        Refusal.UNKNOWN_OBJECTIVE,
        model_with("objective=binary sigmoid:1", "objective=regression"),
    ),
    "linear leaves": (Refusal.LINEAR_TREES, model_with("is_linear=0", "is_linear=1")),
    "a leaf that is no number": (Refusal.NOT_FINITE, model_with("leaf_value=-", "leaf_value=x")),
    "too few golden rows": (
        Refusal.MALFORMED_GOLDEN,
        golden_with(lambda g: g.update(rows=g["rows"][:8], margins=g["margins"][:8])),
    ),
    "golden rows too narrow": (Refusal.MALFORMED_GOLDEN, golden_with(lambda g: g["rows"][0].pop())),
    "a golden margin that is no number": (
        Refusal.MALFORMED_GOLDEN,
        golden_with(lambda g: g["margins"].__setitem__(0, "high")),
    ),
    "a golden margin that is not finite": (
        Refusal.NOT_FINITE,
        golden_with(lambda g: g["margins"].__setitem__(0, "nan")),
    ),
    "the same margin for everybody": (
        Refusal.CONSTANT_OUTPUT,
        golden_with(lambda g: g.update(margins=[g["margins"][0]] * len(g["margins"]))),
    ),
    "a golden margin one bit off": (
        Refusal.GOLDEN_MISMATCH,
        golden_with(lambda g: g["margins"].__setitem__(3, one_bit_off(g["margins"][3]))),
    ),
}


def one_bit_off(margin: str) -> str:
    return math.nextafter(float.fromhex(margin), math.inf).hex()


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_bundle_is_refused_by_name(kind: str, bundle: Path) -> None:
    expected, spoil = SPOILT[kind]
    spoil(bundle)
    assert refusal(bundle) is expected


@pytest.mark.parametrize("kind", SPOILT)
def test_the_process_that_proves_a_bad_bundle_says_its_name(
    kind: str, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, spoil = SPOILT[kind]
    spoil(bundle)
    manifest = bundle / "manifest.json"
    digest = hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.exists() else ""
    assert prove(bundle, digest) == REFUSED
    (said,) = capsys.readouterr().out.splitlines()[-1:]
    assert said.startswith(f"{expected.value} ")


def test_every_name_of_a_refusal_has_a_bad_bundle_that_gets_it() -> None:
    # What no spoilt file shows: another digest, a broken tree, time, a crash, and the mapped snapshot.
    elsewhere = {"digest-mismatch", "bad-structure", "too-slow", "crashed-loader", "does-not-fit"}
    shown = {reason.value for reason, _ in SPOILT.values()}
    assert {reason.value for reason in Refusal} - elsewhere <= shown


def test_another_bundle_than_the_promoted_one_is_refused(bundle: Path) -> None:
    assert refusal(bundle, expected_digest="0" * 64) is Refusal.DIGEST_MISMATCH


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") is Refusal.MISSING_FILE


def test_the_digest_is_the_hash_of_the_manifest(bundle: Path) -> None:
    digest = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert read_bundle(bundle, expected_digest=digest).digest == digest


def test_the_same_model_is_the_same_bundle_to_the_byte(bundle: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "again")
    for path in bundle.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_what_was_written_is_what_is_read(bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.model_text == built_model().model_text
    assert read.golden == built_model().golden
    assert read.manifest.features == built_model().manifest.features
    assert read.manifest.lineage == built_model().manifest.lineage


def test_a_model_that_knows_fewer_categories_than_the_contract_is_served(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: category_of(manifest)["categories"].pop())
    assert ServingModel(read_bundle(bundle)).name == "credit-risk"


def test_a_model_slower_than_its_budget_is_refused(bundle: Path) -> None:
    with pytest.raises(BundleRefused) as refused:
        ServingModel(read_bundle(bundle), budget=LatencyBudget(margin_ms=0.0))
    assert refused.value.reason is Refusal.TOO_SLOW
    with pytest.raises(BundleRefused) as refused:
        ServingModel(read_bundle(bundle), budget=LatencyBudget(contributions_ms=0.0))
    assert refused.value.reason is Refusal.TOO_SLOW


def test_more_trees_than_are_ever_served_are_refused_before_lightgbm_sees_them(bundle: Path) -> None:
    model = bundle / "model.txt"
    sizes = next(line for line in model.read_text().split("\n") if line.startswith("tree_sizes="))
    model.write_text(model.read_text().replace(sizes, sizes + " 9" * 5_000, 1))
    vouch(bundle)
    assert refusal(bundle) is Refusal.TOO_LARGE
