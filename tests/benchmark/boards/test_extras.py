"""What a row had beyond its table's terms, where its findings say so."""

from medtail.benchmark.boards.row import Row
from tests.boards import few_shot


def test_a_row_that_learns_from_queries_says_so():
    record, _ = few_shot("a")
    words = "learns from the queries of an episode together"
    for fitted, marked in (({}, False), ({"transductive": 1.0}, True)):
        one = record.model_copy(update={"fitted": fitted})
        assert (words in Row("a", (one,), (), frozenset({0})).extras) is marked
