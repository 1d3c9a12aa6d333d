from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer.errors import BundleRefused, Refusal
from scorer.structure import check_structure
from tests.models import built_model


def model_text() -> str:
    return built_model().model_text


def edit_tree(change: Callable[[dict[str, str]], object], *, number: int = 0) -> str:
    """The model with one tree's lines changed and tree_sizes told about it."""
    head, body = model_text().split("\nTree=0\n", 1)
    trees, tail = body.split("end of trees", 1)
    blocks = [f"Tree={index}\n{block}" for index, block in enumerate(re.split(r"Tree=\d+\n", trees))]
    name, *lines = blocks[number].rstrip("\n").split("\n")
    fields = dict(line.split("=", 1) for line in lines)
    change(fields)
    blocks[number] = "\n".join([name, *(f"{key}={value}" for key, value in fields.items())]) + "\n\n\n"
    sizes = " ".join(str(len(block)) for block in blocks)
    head = re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head)
    return f"{head}\n{''.join(blocks)}end of trees{tail}"


def with_value(name: str, index: int, value: str) -> Callable[[dict[str, str]], object]:
    def change(fields: dict[str, str]) -> None:
        values = fields[name].split(" ")
        values[index] = value
        fields[name] = " ".join(values)

    return change


def test_a_model_that_lightgbm_wrote_passes() -> None:
    structure = check_structure(model_text())
    assert structure.n_trees == built_model().metrics["trees"]
    assert structure.feature_names == built_model().manifest.feature_names


def test_rewriting_a_tree_as_it_was_changes_nothing() -> None:
    assert check_structure(edit_tree(lambda _: None)) == check_structure(model_text())


BROKEN_TREES: dict[str, Callable[[dict[str, str]], object]] = {
    "a child beyond the last node": with_value("left_child", 0, "9999"),
    "a leaf beyond the last leaf": with_value("right_child", -1, "-9999"),
    "a cycle to the root": with_value("left_child", 0, "0"),
    "a node reached twice": lambda fields: fields.update(right_child=fields["left_child"]),
    "a feature that is not there": with_value("split_feature", 0, "146"),
    "a feature below zero": with_value("split_feature", 0, "-1"),
    "too few thresholds": lambda fields: fields.update(threshold=fields["threshold"].rsplit(" ", 1)[0]),
    "a threshold that is no number": with_value("threshold", 0, "nan"),
    "more leaves than values": lambda fields: fields.update(num_leaves="500"),
    "no leaves": lambda fields: fields.update(num_leaves="0"),
    "leaves beyond any sense": lambda fields: fields.update(num_leaves="9999999999"),
    "an unknown decision type": with_value("decision_type", 0, "64"),
    "a numerical split called categorical": with_value("decision_type", 0, "1"),
    "categorical splits that are not there": lambda fields: fields.update(num_cat="3"),
    "a count of no rows": with_value("leaf_count", 0, "0"),
    "a count that overflows": with_value("internal_count", 0, "4294967295"),
    "a number only Python reads": with_value("split_feature", 0, "1_0"),
    "an array that is missing": lambda fields: fields.pop("left_child"),
    "a line nobody knows": lambda fields: fields.update(leaf_coeff="1 2"),
}


@pytest.mark.parametrize("kind", BROKEN_TREES)
def test_a_tree_that_would_lead_lightgbm_astray_is_refused(kind: str) -> None:
    with pytest.raises(BundleRefused) as refused:
        check_structure(edit_tree(BROKEN_TREES[kind]))
    assert refused.value.reason is Refusal.BAD_STRUCTURE


def first_categorical_tree() -> int:
    blocks = re.split(r"Tree=\d+\n", model_text())[1:]
    return next(number for number, block in enumerate(blocks) if "cat_boundaries" in block)


@pytest.mark.parametrize(
    "change",
    [
        with_value("cat_boundaries", -1, "9999"),
        with_value("cat_boundaries", 0, "1"),
        with_value("cat_threshold", 0, "-1"),
        with_value("cat_threshold", 0, "4294967296"),
        lambda fields: fields.pop("cat_threshold"),
        lambda fields: fields.update(num_cat="0"),
    ],
)
def test_categories_out_of_range_are_refused(change: Callable[[dict[str, str]], object]) -> None:
    with pytest.raises(BundleRefused) as refused:
        check_structure(edit_tree(change, number=first_categorical_tree()))
    assert refused.value.reason is Refusal.BAD_STRUCTURE


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("version=v4", "version=v9", Refusal.BAD_STRUCTURE),
        ("num_class=1", "num_class=3", Refusal.BAD_STRUCTURE),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=2", Refusal.BAD_STRUCTURE),
        ("max_feature_idx=145", "max_feature_idx=9", Refusal.BAD_STRUCTURE),
        ("label_index=0", "average_output", Refusal.BAD_STRUCTURE),
        ("objective=binary sigmoid:1", "objective=multiclass", Refusal.UNKNOWN_OBJECTIVE),
        ("tree_sizes=", "tree_sizes=9", Refusal.BAD_STRUCTURE),
        ("tree_sizes=", "tree_sizes=-", Refusal.BAD_STRUCTURE),
        ("end of trees", "end of seas ", Refusal.TRUNCATED),
        ("tree\n", "forest\n", Refusal.BAD_STRUCTURE),
    ],
)
def test_a_head_that_is_not_a_plain_binary_models_is_refused(old: str, new: str, reason: Refusal) -> None:
    assert old in model_text()
    with pytest.raises(BundleRefused) as refused:
        check_structure(model_text().replace(old, new, 1))
    assert refused.value.reason is reason


def test_a_split_of_known_from_missing_has_no_bound_and_passes() -> None:
    numerical = edit_tree(lambda _: None)
    tree = re.split(r"Tree=\d+\n", numerical)[1]
    decisions = re.search(r"decision_type=(.*)", tree)
    assert decisions is not None
    first = next(index for index, kind in enumerate(decisions[1].split(" ")) if not int(kind) & 1)
    check_structure(edit_tree(with_value("threshold", first, "inf")))


@settings(deadline=None, max_examples=150)
@given(position=st.floats(0, 1, exclude_max=True), replacement=st.text(max_size=4))
def test_any_edit_is_either_refused_by_name_or_sound(position: float, replacement: str) -> None:
    text = model_text()
    at = int(position * len(text))
    try:
        structure = check_structure(text[:at] + replacement + text[at + len(replacement) :])
    except BundleRefused:
        return
    assert structure.n_trees == built_model().metrics["trees"]
