"""The loop of the few-shot track, on phantom."""

import numpy as np
import pytest

from medtail import datamodules
from medtail.benchmark.grid.cell import Budget, Cell, Terms
from medtail.benchmark.tracks import episodic


def run(name, tmp_path, cache, regime="shot1", **params):
    budget = Budget(epochs=1, batch_size=64, optimizer="adam", lr=1e-3, precision="32-true")
    terms = Terms(
        data=f"phantom@{regime}", data_params={"count": 400}, image_size=(16, 16),
        backbone="conv4", budget=budget, test_episodes=40 if regime == "shot1" else 3,
    )  # fmt: skip
    data = datamodules.build(f"phantom@{regime}", 16, cache=cache, count=400)
    data.prepare()
    cell = Cell(method=name, params=params, terms=terms)
    return data, episodic.run(cell, data, tmp_path, 1, lambda line: None)


def test_all_methods_are_tested_on_the_same_episodes(tmp_path, cache_folder):
    scored = {
        name: run(name, tmp_path, cache_folder, **params)
        for name, params in [
            ("protonet", {}), ("erm", {}), ("maml", {"steps": 1, "first_order": True}),
            ("fine_tuning", {"steps": 2}),
        ]
    }  # fmt: skip
    (data, first), *others = scored.values()
    assert first.scored_names == data.plan.sought == ("phantom_akiec", "phantom_df", "phantom_vasc")
    assert sum(first.support) == len(data.rows("test"))
    assert first.metrics["episodes"] == 40
    for _, other in others:
        for column in ("id", "group", "target", "episode", "source_class"):
            assert (getattr(other.test, column) == getattr(first.test, column)).all()
        assert other.metrics["episode_list"] == first.metrics["episode_list"]
        assert not np.array_equal(other.test.logits, first.test.logits)
    by_id = dict(zip(data.table.id, data.table.target, strict=True))
    names = [data.class_names[by_id[i]] for i in first.test.id]
    assert names == [first.scored_names[c] for c in first.test.source_class]
    # The stage of the common classes is trained once.
    assert scored["fine_tuning"][1].stages[0].shared


def test_an_episode_does_not_depend_on_those_before_it(tmp_path, cache_folder):
    data, scored = run("fine_tuning", tmp_path, cache_folder, steps=2)
    listed, lines = data.test_episodes(60), []
    method = scored.method
    whole = episodic.judge(method, data, listed, 0, lines.append)
    assert lines == ["test episode 50/60"]
    first = episodic.judge(method, data, listed[:10], 0, lines.append)
    assert np.array_equal(first, whole[: len(first)])
    assert not np.array_equal(
        episodic.judge(method, data, listed[:10], 1, lines.append), whole[:300]
    )


@pytest.mark.parametrize(
    ("name", "params"), [("protonet", {}), ("erm", {}), ("maml", {"steps": 1, "first_order": True})]
)
def test_all_other_rare_images_are_classified(tmp_path, cache_folder, name, params):
    data, scored = run(name, tmp_path, cache_folder, "shot1rest", **params)
    rows, group = data.rows("test"), data.table.group
    for number, episode in enumerate(data.test_episodes(3)):
        known = set(group[episode.rows[:3]])
        expected = {data.table.id[r] for r in rows if group[r] not in known}
        mine = scored.test.episode == number
        assert set(scored.test.id[mine]) == expected
        assert mine.sum() == len(expected)
        assert (np.bincount(scored.test.target[mine]) > 0).sum() == 3
    assert scored.metrics["episodes"] == 3
    assert 0 <= scored.metrics["episode_class_average"] <= 1
