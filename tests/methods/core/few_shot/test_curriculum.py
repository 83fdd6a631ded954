"""A curriculum: its odds by hand, its limits, and that a training draws by them."""

from collections import Counter
from itertools import combinations

import lightning as L
import numpy as np
import pytest
import torch

from medtail import datamodules, methods
from medtail.datamodules.core.contract import EpisodeShape
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.loading.episodes import TaskSampler, urn
from medtail.methods.core.base import Recipe
from medtail.methods.core.few_shot.curriculum import EXPLORED, RATE, Curriculum


def by_hand(epochs, sets):
    """Odds from lists of (set, loss) of each epoch, in plain loops."""
    before, gain = {}, dict.fromkeys(sets, 0.0)
    for tasks in epochs:
        for one in {s for s, _ in tasks}:
            each = [loss for s, loss in tasks if s == one]
            now = sum(each) / len(each)
            if one in before:
                gain[one] = (1 - RATE) * gain[one] + RATE * (before[one] - now)
            before[one] = now
    total = sum(map(abs, gain.values()))
    if not total:
        return dict.fromkeys(sets, 1 / len(sets))
    return {s: (1 - EXPLORED) * abs(g) / total + EXPLORED / len(sets) for s, g in gain.items()}


def shown(curriculum, epochs):
    rng = np.random.default_rng(0)
    for tasks in epochs:
        for start in range(0, len(tasks), 2):
            part = tasks[start : start + 2]
            order = [rng.permutation(s).tolist() for s, _ in part]
            losses = torch.tensor([loss for _, loss in part], dtype=torch.float64)
            curriculum.see(torch.tensor(order), losses)
        curriculum.learn()


def test_odds_by_hand():
    sets, rng = list(combinations(range(4), 2)), np.random.default_rng(3)
    epochs = [
        [(sets[rng.integers(5)], float(rng.uniform(0.2, 1.5))) for _ in range(6)] for _ in range(5)
    ]
    curriculum = Curriculum(4, 2)
    for number in range(len(epochs)):
        shown(curriculum, epochs[number : number + 1])
        expected = by_hand(epochs[: number + 1], sets)
        assert curriculum.odds() == pytest.approx(expected)
        assert sum(curriculum.odds().values()) == pytest.approx(1)
    assert max(expected.values()) > 0.3
    assert expected[sets[5]] == pytest.approx(EXPLORED / 6), "it was never drawn"


def test_no_gain_is_known_at_first_and_no_change_is_none():
    curriculum, even = Curriculum(3, 2), pytest.approx([1 / 3] * 3)
    assert list(curriculum.odds().values()) == even
    tasks = [((0, 1), 0.5), ((0, 2), 0.75), ((1, 2), 0.25)]
    for _ in range(2):
        shown(curriculum, [tasks])
        assert list(curriculum.odds().values()) == even


@pytest.mark.parametrize("change", [-0.3, 0.3])
def test_what_changes_is_preferred_whichever_way(change):
    """Directions: more gain, more odds; what is forgotten comes back."""
    curriculum = Curriculum(3, 2)
    first = [((0, 1), 0.7), ((0, 2), 0.7), ((1, 2), 0.7)]
    then = [((0, 1), 0.7 + change), ((0, 2), 0.7 + change / 3), ((1, 2), 0.7)]
    shown(curriculum, [first, then])
    assert curriculum.gain.tolist() == pytest.approx([-RATE * change, -RATE * change / 3, 0])
    odds = list(curriculum.odds().values())
    assert odds == pytest.approx([0.6 + EXPLORED / 3, 0.2 + EXPLORED / 3, EXPLORED / 3])


def test_a_loss_that_is_not_finite_is_no_score():
    curriculum = Curriculum(3, 2)
    shown(curriculum, [[((0, 1), 0.5), ((0, 1), float("nan"))], [((0, 1), 0.4)]])
    assert curriculum.odds()[0, 1] == pytest.approx(1 - EXPLORED + EXPLORED / 3)


def test_too_many_sets_are_one_clear_line():
    with pytest.raises(MedtailError, match="every set of 6 of 24 classes, which are 134,596") as e:
        Curriculum(24, 6)
    assert "\n" not in str(e.value)


def test_tasks_are_drawn_by_the_odds_of_each_epoch():
    alone = np.arange(80)
    target = alone % 4
    drawn = urn("x", alone, target, alone, EpisodeShape(2, 1, 2), complete=False)
    odds = dict.fromkeys(combinations(range(5), 2), 0.0) | {(0, 3): 0.2, (1, 2): 0.6, (3, 4): 0.2}
    steps = TaskSampler(drawn, 9600, 4, seed=0, odds=lambda: odds)  # class 4 has no image
    episodes = [e for step in steps for e in step]
    sets = Counter(tuple(sorted(set(target[e.rows].tolist()))) for e in episodes)
    assert set(sets) == {(0, 3), (1, 2)}
    assert sets[1, 2] / len(episodes) == pytest.approx(0.75, abs=0.04)
    again = [e for step in steps for e in step]
    assert all((a.rows == b.rows).all() for a, b in zip(episodes, again, strict=True))
    odds[0, 3] = 0.0
    assert {tuple(sorted(set(target[e.rows]))) for step in steps for e in step} == {(1, 2)}
    halves = [[*TaskSampler(drawn, 960, 4, 0, rank, 2, lambda: odds)] for rank in (0, 1)]
    whole = [*TaskSampler(drawn, 960, 4, 0, odds=lambda: odds)]
    for step, a, b in zip(whole, *halves, strict=True):
        mixed = [e for pair in zip(a, b, strict=True) for e in pair]
        assert all((x.rows == y.rows).all() for x, y in zip(step, mixed, strict=True))


@pytest.fixture
def data(cache_folder):
    made = datamodules.build("phantom@shot1", 16, cache=cache_folder, count=700)
    made.prepare()
    return made


def taught(data, epochs, accumulate=1):
    L.seed_everything(0, verbose=False)
    method = methods.build(
        "daml", data.spec, backbone="conv4", warmup=1.0, sampling="curriculum", steps=1,
        first_order=True,
    )  # fmt: skip
    method.recipe, seen = Recipe("adam", lr=1e-2, weight_decay=0), []
    data.connect(method.request(method.stage), 64, 0, epochs, parts=accumulate)

    class Watch(L.Callback):
        def on_train_epoch_start(self, trainer, module):
            seen.append((list(module.curriculum.odds().values()), []))

        def on_train_batch_end(self, trainer, module, outputs, batch, number):
            for classes, index in zip(batch.classes.tolist(), batch.index, strict=True):
                assert data.target[index[:2]].tolist() == classes
                seen[-1][1].append(tuple(sorted(classes)))

    trainer = L.Trainer(
        accelerator="cpu", devices=1, max_epochs=epochs, logger=False, inference_mode=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, limit_val_batches=0, accumulate_grad_batches=accumulate,
        callbacks=[Watch()],
    )  # fmt: skip
    trainer.fit(method.begin(method.stage), datamodule=data)
    return method, seen


def test_a_training_draws_by_what_it_learnt(data):
    method, seen = taught(data, 4)
    odds = [o for o, _ in seen]
    assert odds[0] == odds[1] == pytest.approx([1 / 6] * 6)
    assert max(odds[2]) > 1 / 6
    assert odds[2] != odds[3]
    sets = list(combinations(range(4), 2))
    steps = data.train_sampler(0, 1)
    for epoch, (share, drawn) in enumerate(seen):
        steps.odds = lambda share=share: dict(zip(sets, share, strict=True))
        steps.set_epoch(epoch)
        planned = [data.target[e.rows[:2]].tolist() for step in steps for e in step]
        assert drawn == [tuple(sorted(p)) for p in planned]
    assert method.curriculum.tasks.sum() == 0
    parts, _ = taught(data, 4, accumulate=2)
    assert parts.findings()["odds of the favoured classes"] > 1 / 6
