"""The values on the topics, as msgspec structs: unknown fields are ignored when read.

`DecisionDocument` is also the body of the gateway's answer. `encode` and `decode_*` are the only
ways in and out of bytes, so that a document that was recorded is repeated byte for byte.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Decision = Literal["approve", "refer", "decline"]


class Reason(msgspec.Struct, frozen=True):
    """One of up to four reasons that push towards decline, strongest first (rank 1)."""

    code: str
    text: str
    rank: int


class ModelVersion(msgspec.Struct, frozen=True):
    """Which registered model decided."""

    name: str
    version: str


class SnapshotUsed(msgspec.Struct, frozen=True):
    """Which feature snapshot the history came from; id is None when no snapshot was mapped."""

    id: str | None
    as_of: str | None
    applicant_found: bool


class DecisionDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The decision of an application, as callers see it."""

    application_id: str
    applicant_id: int
    status: Literal["decided"] = "decided"
    decision: Decision
    probability_of_default: float
    score: int
    reasons: tuple[Reason, ...]
    model: ModelVersion
    feature_snapshot: SnapshotUsed
    decided_at: str


class PendingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The answer while an application is accepted but not decided yet: ask again by its id."""

    application_id: str
    status: Literal["pending"] = "pending"


class SourceRecord(msgspec.Struct, frozen=True):
    """The input record: topic, partition, offset."""

    topic: str
    partition: int
    offset: int


class Timings(msgspec.Struct, frozen=True):
    """Where the time went, milliseconds: in the log before the scorer had it, and deciding."""

    in_log_ms: float
    deciding_ms: float


class ApplicationScored(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction: the decision plus all that is needed to recompute it bit for bit.

    `decision` and `application` are embedded bytes: the document that was answered and the value
    that was submitted, both untouched. JSON embedded in JSON loses the white space around it, which
    `application_margins` keeps where there was any: see `submitted_value`. `request_hash` is the SHA-256 of
    the submitted value; `feature_hash` that of the little-endian float32 feature vector; `margin` the raw
    score in log-odds; `unseen_categories` the fields whose category the contract does not know.
    """

    application_id: str
    decision: msgspec.Raw
    application: msgspec.Raw
    application_margins: tuple[str, str] | None = None
    request_hash: str
    feature_hash: str
    margin: float
    model_digest: str
    unseen_categories: tuple[str, ...] = ()
    source: SourceRecord
    lane: str
    scorer: str
    timings: Timings


class ModelPromoted(msgspec.Struct, frozen=True, kw_only=True):
    """A version became Production. The newest record per model name is the version that decides.

    `bundle_uri` is where the bundle's files are (an MLflow artifact address or a folder);
    `digest` the SHA-256 that the bundle must have, hexadecimal.
    """

    name: str
    version: str
    digest: str
    bundle_uri: str
    promoted_at: str
    promoted_by: str
    run_id: str | None = None
    metrics: dict[str, float] = {}
    cut_offs: dict[str, float] = {}
    snapshot_id: str | None = None


class SnapshotPublished(msgspec.Struct, frozen=True, kw_only=True):
    """A feature snapshot is there. The newest record per store name is the one to serve from.

    `uri` is the snapshot's folder (a path, `gs://` or `s3://`); `manifest_sha256` the SHA-256 that
    its manifest.json must have, hexadecimal; `as_of` when its history was taken.
    """

    store: str
    snapshot_id: str
    uri: str
    as_of: str
    published_at: str
    n_applicants: int
    n_features: int
    manifest_sha256: str


class ModelDocument(ModelPromoted, frozen=True, kw_only=True):
    """What GET /v1/model answers: the newest promotion, and the snapshot that was published last.

    `snapshot_id` is the snapshot that the model was trained on; `feature_snapshot` the one that applicants
    are looked up in once the scorers have mapped it, None before the first.
    """

    feature_snapshot: SnapshotPublished | None = None


def model_document(promoted: ModelPromoted, snapshot: SnapshotPublished | None) -> ModelDocument:
    """The two events as one document."""
    return ModelDocument(**msgspec.structs.asdict(promoted), feature_snapshot=snapshot)


class OutcomeObserved(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a granted loan. `observed_at` is when it was known, RFC 3339 with its zone.

    An application may have several: not defaulted after a year, defaulted after two. What counts as a
    label, and when, is said by its reader (the performance window).
    """

    application_id: str
    applicant_id: int
    lane: Literal["sync", "batch"] = "sync"
    defaulted: bool
    observed_at: str


class DriftReported(msgspec.Struct, frozen=True, kw_only=True):
    """What a drift run found of the applications decided in [`since`, `until`), RFC 3339.

    `verdict` is "not enough" when too little is known to say; `performance_verdict` is that on matured
    outcomes alone. `share_drifted` is that of the features; `findings` names each check that alarms and
    `lacking` what there was not enough of; `metrics` are its figures by name; `report_uri` is the page.
    """

    model_name: str
    model_version: str
    verdict: Literal["drift", "no drift", "not enough"]
    performance_verdict: Literal["drift", "no drift", "not enough"] = "not enough"
    since: str
    until: str
    applications: int
    outcomes: int
    share_drifted: float | None
    findings: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    metrics: dict[str, float] = {}
    top_features: dict[str, float] = {}
    report_uri: str | None = None
    run_id: str | None = None
    reported_at: str


def white_space_around(value: bytes) -> tuple[str, str] | None:
    """The white space before and after a JSON text, or None when there is none."""
    bare = value.strip(_WHITE_SPACE)
    if len(bare) == len(value):
        return None
    start = value.index(bare)
    return value[:start].decode(), value[start + len(bare) :].decode()


def submitted_value(scored: ApplicationScored) -> bytes:
    """The value as it was submitted, to the byte: its SHA-256 is `request_hash`."""
    before, after = scored.application_margins or ("", "")
    return before.encode() + bytes(scored.application) + after.encode()


#: What JSON allows around a value (RFC 8259, section 2).
_WHITE_SPACE = b" \t\n\r"

_encoder = msgspec.json.Encoder()
_decision_decoder = msgspec.json.Decoder(DecisionDocument)
_scored_decoder = msgspec.json.Decoder(ApplicationScored)
_promoted_decoder = msgspec.json.Decoder(ModelPromoted)
_snapshot_decoder = msgspec.json.Decoder(SnapshotPublished)
_outcome_decoder = msgspec.json.Decoder(OutcomeObserved)
_drift_decoder = msgspec.json.Decoder(DriftReported)


def encode(event: msgspec.Struct) -> bytes:
    """The event as UTF-8 JSON."""
    return _encoder.encode(event)


def decode_decision(raw: bytes) -> DecisionDocument:
    """The decision document in `raw`; msgspec.MsgspecError if it is not one."""
    return _decision_decoder.decode(raw)


def decode_scored(raw: bytes) -> ApplicationScored:
    """The prediction in `raw`; msgspec.MsgspecError if it is not one."""
    return _scored_decoder.decode(raw)


def decode_promoted(raw: bytes) -> ModelPromoted:
    """The promotion in `raw`; msgspec.MsgspecError if it is not one."""
    return _promoted_decoder.decode(raw)


def decode_snapshot_published(raw: bytes) -> SnapshotPublished:
    """The announcement in `raw`; msgspec.MsgspecError if it is not one."""
    return _snapshot_decoder.decode(raw)


def decode_outcome(raw: bytes) -> OutcomeObserved:
    """The outcome in `raw`; msgspec.MsgspecError if it is not one."""
    return _outcome_decoder.decode(raw)


def decode_drift_reported(raw: bytes) -> DriftReported:
    """The report in `raw`; msgspec.MsgspecError if it is not one."""
    return _drift_decoder.decode(raw)
