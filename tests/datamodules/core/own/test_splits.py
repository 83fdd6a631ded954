"""What the values of a split column mean."""

import pytest

from medtail.datamodules.core.errors import DataError
from medtail.datamodules.core.own.splits import split_names


def named(values, test=(), val=()):
    return split_names("t.csv", "fold", values, test, val, "--{} {}".format)


def test_usual_words_in_any_case():
    given = ["Training", "train", " TEST", "testing", "Validation", "valid", "val", "dev"]
    assert named(given) == ["train"] * 2 + ["test"] * 2 + ["val"] * 4


def test_folds_are_said():
    assert named(["0", "1", "2", "3"], ["0"], ["1"]) == ["test", "val", "train", "train"]
    assert named(["0.0", "1.0", "2.0"], ["0"]) == ["test", "train", "train"]
    assert named(["a", "b", "c"], ["b", "c"]) == ["train", "test", "test"]


@pytest.mark.parametrize(
    ("values", "said", "words"),
    [
        (
            ["0", "1"],
            {},
            "--test_fold 0 (for validation --val_fold ...; all others are then train)",
        ),
        (["train", "tset"], {}, "split 'tset' in column 'fold', which holds 'train', 'tset'"),
        (["train", "", ""], {}, "column 'fold' is empty in 2 of 3 rows"),
        (["0", "1"], {"test": ["7"]}, "--test_fold 7: column 'fold' holds '0', '1' only"),
        ([str(n) for n in range(20)], {}, "'6', '7', ...:"),
    ],
)
def test_what_means_nothing_is_one_line(values, said, words):
    with pytest.raises(DataError) as caught:
        named(values, **said)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
