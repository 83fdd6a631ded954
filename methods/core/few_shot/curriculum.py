"""A curriculum over the classes of episodes: a teacher that prefers those whose scores change.

After Maicas et al., "Training medical image analysis systems like radiologists", MICCAI 2018, who
let the teacher of Matiisen et al., "Teacher-student curriculum learning", 2017, arXiv 1707.00183,
choose the tasks of MAML. A reconstruction: neither text was at hand, and all numbers are ours.
"""

from itertools import combinations
from math import comb

import torch
from torch import Tensor, nn

from medtail.datamodules.core.errors import MedtailError

RATE = 0.5  # of the running mean of gains
EXPLORED = 0.2  # share of the tasks that is drawn evenly
MOST = 10_000  # sets of classes


class Curriculum(nn.Module):
    """Odds of the sets of classes that an episode can have, from how their losses changed.

    x_e(a) is the mean query loss of set a's tasks in epoch e, r = x_e'(a) - x_e(a) its gain since
    the epoch e' in which it was drawn before, Q(a) <- (1 - RATE) Q(a) + RATE r. The odds are
    (1 - EXPLORED) |Q(a)| / sum |Q| + EXPLORED / S, even where no gain is known. A loss that rises
    counts as one that falls: what is being forgotten is shown again.

    Args:
        classes: K that episodes are drawn from.
        ways: N of an episode.

    Raises:
        MedtailError: so many sets that none would come twice.
    """

    loss: Tensor
    known: Tensor
    gain: Tensor
    total: Tensor
    tasks: Tensor

    def __init__(self, classes: int, ways: int) -> None:
        super().__init__()
        if (amount := comb(classes, ways)) > MOST:
            raise MedtailError(
                f"a curriculum scores every set of {ways} of {classes} classes, which are "
                f"{amount:,}: {MOST:,} at most: leave it out"
            )
        self.sets = tuple(combinations(range(classes), ways))
        self.place = {one: number for number, one in enumerate(self.sets)}
        for name in ("loss", "gain", "total", "tasks"):
            self.register_buffer(name, torch.zeros(amount, dtype=torch.float64))
        self.register_buffer("known", torch.zeros(amount, dtype=torch.bool))

    def see(self, classes: Tensor, losses: Tensor) -> None:
        """Note the query losses [T] of tasks with classes [T, N]; of finite ones."""
        for one, value in zip(classes.tolist(), losses.double(), strict=True):
            if value.isfinite():
                number = self.place[tuple(sorted(one))]
                self.total[number] += value
                self.tasks[number] += 1

    def learn(self) -> None:
        """End an epoch: gains of the sets that were drawn in it and before."""
        drawn = self.tasks > 0
        now = self.total / self.tasks.clamp(min=1)
        moved = (1 - RATE) * self.gain + RATE * (self.loss - now)
        self.gain.copy_(torch.where(drawn & self.known, moved, self.gain))
        self.loss.copy_(torch.where(drawn, now, self.loss))
        self.known |= drawn
        self.total.zero_()
        self.tasks.zero_()

    def odds(self) -> dict[tuple[int, ...], float]:
        """Of every set of classes, in rising order; they sum to 1."""
        size, even = self.gain.abs(), torch.full_like(self.gain, 1 / len(self.sets))
        share = (1 - EXPLORED) * size / size.sum() + EXPLORED * even if size.sum() > 0 else even
        return dict(zip(self.sets, share.tolist(), strict=True))
