"""A step's batch in several parts, for gradients that are added up over them."""

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DistributedSampler

from ..errors import MedtailError
from .episodes import TaskSampler
from .samplers import StepSampler

Steps = StepSampler | TaskSampler


class InParts(DistributedSampler[list[Any]]):
    """The steps of a sampler, each in ``parts`` pieces of equal size that follow one another.

    All pieces of a step together are the batch that it would have been: order, augmentation and
    the number of steps do not depend on it. Of two streams each piece has a part of both.

    Raises:
        MedtailError: pieces would not be equal, whose gradients count alike.
    """

    def __init__(self, steps: Steps, parts: int) -> None:
        self.steps, self.parts = steps, parts
        tasks = isinstance(steps, TaskSampler)
        sizes = [steps.tasks] if isinstance(steps, TaskSampler) else [*steps.sizes, steps.rest]
        for size in sizes:
            if size % (parts * steps.world):
                devices = f" on each of {steps.world} devices" if steps.world > 1 else ""
                raise MedtailError(
                    f"a step of {size} {'tasks' if tasks else 'images'} cannot be cut into {parts} "
                    f"equal parts{devices}: set another budget.accumulate"
                )

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of each epoch."""
        self.steps.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.steps) * self.parts

    def __iter__(self) -> Iterator[list[Any]]:
        for step in self.steps:
            streams: dict[int, list[Any]] = {}
            for drawn in step:
                streams.setdefault(getattr(drawn, "stream", 0), []).append(drawn)
            for part in range(self.parts):
                yield [
                    drawn
                    for stream in streams.values()
                    for drawn in stream[
                        part * len(stream) // self.parts : (part + 1) * len(stream) // self.parts
                    ]
                ]
