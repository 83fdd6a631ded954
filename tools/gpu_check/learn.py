"""Of ``gpu_check``: a few-shot method at the length of DAML's paper, a JSON line at a time.

The terms are those of the suite ``isic2018-few-shot``, but for the epochs: so many as make at least
3,000 outer iterations. The test has as many episodes as the time left allows, at most the suite's.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

from medtail.benchmark.execution import worker
from medtail.benchmark.grid.cell import Cell
from medtail.benchmark.grid.files import load
from medtail.benchmark.metrics.few_shot import score_episodes
from medtail.benchmark.tracks import episodic, supervised
from medtail.benchmark.tracks.amounts import images_of_epoch

SUITE = "isic2018-few-shot"
ITERATIONS, TRIED = 3000, 20  # of the paper; episodes by which the pace of a test is known
SCORES = (
    "episode_auc", "episode_auc_ci95", "episode_accuracy", "episode_accuracy_ci95", "episodes",
)  # fmt: skip


def say(**values: object) -> None:
    """A JSON line."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def cell_of(method: str, data: str, epochs: int, tiny: bool) -> Cell:
    """The cell of the suite with seed 0 and so many epochs."""
    settings = [f"budget.epochs={epochs}"]
    if tiny:
        settings.append(f"data=[{{name: {data}, params: {{count: 1200}}}}]")
    cells = load(SUITE, tuple(settings)).cells()
    return next(c for c in cells if (c.row, c.terms.data, c.seed) == (method, data, 0))


def main() -> None:
    """Train, say every epoch how far it is; judge as many episodes as time allows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="daml")
    parser.add_argument("--data", default="isic2018@shot1")
    parser.add_argument("--until", type=float, default=2e9, help="seconds since the epoch")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    name = "phantom@" + arguments.data.partition("@")[2] if arguments.tiny else arguments.data
    asked = 2 if arguments.tiny else ITERATIONS

    cell = cell_of(arguments.method, name, 1, arguments.tiny)
    data = worker.prepared(cell.terms)
    method = supervised.make(cell.method, cell.params, cell.terms, cell.seed, data)
    shape, request = data.spec.episodes, method.request(method.stages[0])
    assert shape is not None, "a few-shot regime"
    step = request.tasks * shape.images
    images = images_of_epoch(request, data, cell.terms.budget)
    steps = images // step  # of an epoch
    cell = cell_of(arguments.method, name, math.ceil(asked / steps), arguments.tiny)
    data = worker.prepared(cell.terms)
    terms = {"backbone": cell.terms.backbone, "image_size": cell.terms.image_size[0]}
    say(
        method=cell.method,
        data=name,
        **terms,
        precision=cell.terms.budget.precision,
        params=cell.params,
        tasks_a_step=request.tasks,
        images_a_task=shape.images,
        iterations_an_epoch=steps,
        epochs=cell.terms.budget.epochs,
        iterations_asked=steps * cell.terms.budget.epochs,
        iterations=0,
    )
    started = time.time()

    def tell(line: str) -> None:
        words = line.split()
        if words[0] == "epoch":
            done = int(words[1].partition("/")[0]) * steps
            say(iterations=done, train_seconds=round(time.time() - started, 1))

    trained = supervised.train(cell, data, Path("runs/stages").resolve(), 1, tell)
    say(train_seconds=round(trained.seconds, 1), images=trained.images, trained=True)
    say(largest_task_weight=trained.method.findings().get("largest task weight"))

    wanted = 10 if arguments.tiny else cell.terms.test_episodes
    amount = min(TRIED, wanted)
    while True:
        began = time.time()
        episodes = data.test_episodes(amount)
        logits = episodic.judge(trained.method, data, episodes, cell.seed, lambda _: None)
        test = episodic.predictions(data, episodes, logits)
        scores = score_episodes(test, data.plan.sought)
        pace = (time.time() - began) / amount
        say(**{key: scores[key] for key in SCORES}, test_seconds=round(time.time() - began, 1))
        left = int((arguments.until - time.time()) / pace * 0.9)
        if amount == wanted or left < 2 * amount:
            break
        amount = wanted = min(wanted, left)
    say(finished=True, episodes_of_the_suite=cell.terms.test_episodes)


if __name__ == "__main__":
    main()
