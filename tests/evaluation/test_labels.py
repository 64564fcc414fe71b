import pytest

from humpback.errors import InputError
from humpback.evaluation.labels import LabelColumns, read_labels


def read(rows, label="", group="", good_from=None, groups=None):
    groups = groups or [str(number) for number in range(len(rows))]
    return read_labels(rows, groups, LabelColumns(label, group, good_from), "labels.jsonl")


def column(values, name="label"):
    return [{name: value} for value in values]


def goods(labels):
    return [label and label.good for label in labels.rows]


@pytest.mark.parametrize(
    "values", [[True, False], [1, 0], [1.0, 0.0], ["yes", "no"], ["True", "False"], ["1", "0"], ["Good", "bad"]]
)
def test_yes_and_no_in_every_usual_form(values):
    labels = read(column(values))

    assert labels.kind == "binary"
    assert goods(labels) == [True, False]
    assert [label.value for label in labels.rows] == [1.0, 0.0]


def test_numbers_are_good_above_the_middle_or_from_where_it_is_said():
    rows = column([1, 2, 3, 4, 5, 5], "rating")

    assert read(rows).kind == "number"
    assert read(rows).rule == "above the middle, 5 and more"
    assert goods(read(rows)) == [False, False, False, False, True, True]
    assert goods(read(rows, good_from=3)) == [False, False, True, True, True, True]


def test_numbers_of_which_less_is_better():
    labels = read(column([0.1, 0.9], "loss"), label="-loss", good_from=0.5)

    assert goods(labels) == [True, False]
    assert labels.rows[0].value > labels.rows[1].value
    assert labels.rule == "0.5 and less"


def test_the_best_of_each_group_is_good_and_who_has_no_equal_is_neither():
    rows = [{"prompt_id": g, "rank": r} for g, r in [("a", 0), ("a", 1), ("a", None), ("b", 1), ("b", 2), ("c", 0)]]
    labels = read(rows)

    assert (labels.kind, labels.column, labels.rule) == ("rank", "rank", "the best of its group")
    assert goods(labels) == [True, False, None, True, False, None]
    assert labels.rows[2] is None
    assert labels.rows[0].value > labels.rows[1].value
    assert [label.group for label in labels.rows if label] == ["a", "a", "b", "b", "c"]


def test_ranks_without_a_group_column_take_the_groups_that_are_given():
    labels = read(column([0, 1, 3, 2], "rank"), groups=["x", "x", "y", "y"])

    assert goods(labels) == [True, False, False, True]


def test_a_row_without_a_label_has_none():
    assert [label is None for label in read(column([1, None, "", float("nan"), 0])).rows] == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_labels_within_other_columns():
    rows = [{"labels": {"quality": [0.75, 3]}}, {"labels": {"quality": [0.25, 2]}}, {"labels": None}]
    labels = read(rows, label="labels.quality.0")

    assert [label and label.value for label in labels.rows] == [0.75, 0.25, None]


def test_the_only_column_that_can_be_a_label_is_taken():
    rows = [{"id": n, "instruction": "Why?", "prompt_length": n, "helpful": n % 2 == 0} for n in range(4)]

    assert read(rows).column == "helpful"


def test_several_possible_columns_are_named():
    rows = [{"a_ok": True, "b_ok": False}, {"a_ok": False, "b_ok": True}]

    with pytest.raises(InputError, match=r"several columns that could be the label: a_ok, b_ok: name one with --label"):
        read(rows)


@pytest.mark.parametrize(
    ("rows", "wanted", "message"),
    [
        ([{"text": "a"}, {"text": "b"}], {}, "no column that could be a label; its columns are text"),
        ([{"label": 1}], {"label": "gold"}, "nothing in a column 'gold': name one of label with --label"),
        ([{"label": 1}], {"group": "prompt"}, "nothing in a column 'prompt': name one of label with --group"),
        (column([1, "excellent"]), {}, "in row 2 of labels.jsonl is 'excellent': no number, no yes or no"),
    ],
)
def test_what_cannot_be_a_label_is_one_clear_line(rows, wanted, message):
    with pytest.raises(InputError, match=message):
        read(rows, **wanted)
