"""What every method of a table may spend, and how it is spent."""

from typing import Literal

from pydantic import Field, PositiveInt, field_validator

from medtail.datamodules.core.contract import LastBatch
from medtail.methods.core.stages import Schedule

from .frozen import Frozen

Precision = Literal["64-true", "32-true", "bf16-mixed", "16-mixed"]
Tune = Literal["all", "head", "frozen"]


class Budget(Frozen):
    """What every method of a table may spend, and how it is spent.

    Attributes:
        epochs: passes over the training split, of all stages of a method together.
        batch_size: of a training step, over all devices.
        last_batch: what becomes of images that do not fill a batch at the end of an epoch: ``drop``
            them, others in each epoch, or ``keep`` them as a smaller batch.
        optimizer: a name of ``timm.optim``.
        lr: peak learning rate.
        weight_decay: of weights; biases and norms have none.
        momentum: of SGD.
        warmup: share of a stage's steps over which the rate rises linearly.
        schedule: of the rate after the warm-up: ``cosine`` falls to 0 along a half cosine, step by
            step; ``step`` is multiplied by ``gamma`` at each of ``milestones``; ``constant`` stays.
        milestones: for ``step``: shares of a stage's epochs. ``[0.5, 0.75]`` of 100 epochs are the
            epochs 50 and 75, counted from 0; of a method with two stages, the middle of each.
        gamma: for ``step``.
        precision: of training, as Lightning names it; what is fitted afterwards and what is
            predicted has that of the weights. Float32 is float32 on a GPU, too: TF32 is off.
        tune: what is trained: ``all``, or the ``head`` alone: the backbone is in evaluation mode,
            its weights and batch statistics stay, and what a method puts above it learns; or
            ``frozen``: the same on features that are computed once, in seconds.
        layer_decay: the rate of each layer of the backbone is that of the next one times this, of
            what stands above it the whole rate; 1 for one rate.
        clip: largest norm of a step's gradient, all weights together; 0 clips nothing. A method
            that clips by itself goes on to.
        accumulate: parts that a step's batch is computed in, one after the other, for less memory:
            ``batch_size`` stays what a step sees. Batch statistics, and what a method compares
            within a batch, are those of a part.
        ema: after each step the kept network is this share of itself and the rest of the trained
            one (its weights and batch statistics): it is validated, chosen and scored; 0 for none.
        until: a stage ends before its epochs are over, after the first one at whose end this share
            of the training images is classified right, plain and in evaluation mode; 0 for never.
            The schedule is that of all epochs: ``constant`` goes with it best.
    """

    epochs: PositiveInt = 15
    batch_size: PositiveInt = 128
    last_batch: LastBatch = "drop"
    optimizer: str = "sgd"
    lr: float = Field(0.1, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(5e-4, ge=0, allow_inf_nan=False)
    momentum: float = Field(0.9, ge=0, lt=1)
    warmup: float = Field(0.05, ge=0, lt=1)
    schedule: Schedule = "cosine"
    milestones: tuple[float, ...] = ()
    gamma: float = Field(0.1, gt=0, lt=1)
    precision: Precision = "bf16-mixed"
    tune: Tune = "all"
    layer_decay: float = Field(1, gt=0, le=1)
    clip: float = Field(0, ge=0, allow_inf_nan=False)
    accumulate: PositiveInt = 1
    ema: float = Field(0, ge=0, lt=1)
    until: float = Field(0, ge=0, le=1)

    @field_validator("milestones")
    @classmethod
    def _shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < share < 1 for share in shares) or list(shares) != sorted(set(shares)):
            raise ValueError(
                "milestones are rising shares of a stage's epochs, between 0 and 1: epochs 50 and "
                "75 of 100 are [0.5, 0.75]"
            )
        return shares

    def contradiction(self) -> str:
        """What does not go together, as one clause; empty where all is well.

        Not asked of an entry of a suite alone, whose budget changes a part of another.
        """
        if self.batch_size % self.accumulate:
            return (
                f"a batch_size of {self.batch_size} cannot be cut into {self.accumulate} equal "
                "parts: set another accumulate, or another batch_size"
            )
        if self.tune != "all" and self.layer_decay != 1:
            return "layer_decay goes with tune: all: of the head alone there are no layers"
        if self.until and self.ema:
            return "until goes without ema: it looks at the trained network, not at its average"
        if self.schedule == "step":
            return (
                "" if self.milestones else "schedule 'step' needs milestones, such as [0.5, 0.75]"
            )
        for name in ("milestones", "gamma"):
            usual = type(self).model_fields[name].default
            if getattr(self, name) != usual:
                usual = list(usual) if isinstance(usual, tuple) else usual
                return (
                    f"{name} goes with schedule 'step', and this one is '{self.schedule}': drop "
                    f"it, or write {name}: {usual}"
                )
        return ""
