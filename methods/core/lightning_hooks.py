"""What Lightning calls: a method's steps, its optimiser, and what stays frozen."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

import lightning as L
import torch
from torch import Tensor

from medtail.datamodules.core.contract import Batch
from medtail.datamodules.core.errors import MedtailError

from . import own_trainer
from .apart import Others, optimizer_of, restrict
from .checks import slug
from .layers import matcher_of
from .monitor import ValidationMetrics
from .precision import without_autocast
from .stages import Recipe, Stage, learning_rate_factor

if TYPE_CHECKING:
    from .base import Method


class LightningHooks(L.LightningModule):
    """Lightning's hooks, written once for every method; ``Method`` fills what they need."""

    monitor: ValidationMetrics
    tested: ValidationMetrics
    recipe: Recipe
    stage: Stage
    begun: bool
    concluded: Tensor  # only of methods that conclude
    others: Others  # only in stages that train something apart
    _frozen: tuple[str, ...]
    _resumed: dict[str, Any]

    def loss(self, batch: Batch) -> Tensor:
        """See ``Method``."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Self:
        """As usual, but what is frozen stays in evaluation mode."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    @property
    def _method(self) -> "Method":
        return cast("Method", self)

    def setup(self, stage: str) -> None:
        """Ask the data for this method's batches, see ``own_trainer``."""
        own_trainer.prepare(self._method, stage)

    def on_train_end(self) -> None:
        """Conclude, where no runner does."""
        if not self.begun:
            own_trainer.conclude(self._method, needed=False)

    def on_predict_start(self) -> None:
        """Nothing is scored that is not concluded."""
        own_trainer.conclude(self._method, needed=True)

    def on_test_start(self) -> None:
        """As before ``predict``; few-shot: of as many classes as an episode has."""
        own_trainer.conclude(self._method, needed=True)
        spec = self._method.spec
        classes = spec.episodes.n_way if spec.episodes else spec.num_classes
        with torch.inference_mode(False):  # counts that an adaptation's step may add to
            self.tested = ValidationMetrics(classes).to(self.device)

    def on_validation_start(self) -> None:
        """As before ``predict``, where it is not the validation of an epoch."""
        if self.trainer.state.fn == "validate":
            own_trainer.conclude(self._method, needed=True)

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """One optimiser step's loss."""
        own_trainer.check_images(self._method, batch.image)
        loss = self.loss(batch)
        if torch.is_grad_enabled() and not loss.requires_grad:
            raise MedtailError(
                f"{slug(self)}: nothing that its loss depends on is trained: write tune: all"
            )
        self.log(
            "train/loss",
            loss,
            on_step=False,
            on_epoch=True,
            batch_size=len(batch.target),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: Batch, _: int) -> None:
        """Collect a validation batch, which may be empty in one of several processes."""
        if len(batch.target):
            own_trainer.check_images(self._method, batch.image)
            self.monitor.update(self(batch.image), batch.target)

    def on_validation_epoch_end(self) -> None:
        """Log the validation metrics, equal on all ranks."""
        self.log_dict({f"val/{name}": value for name, value in self.monitor.compute().items()})

    @without_autocast
    def test_step(self, batch: Batch, number: int) -> None:
        """Collect a test batch; few-shot: the queries of episodes, after adapting to each."""
        method, shape = self._method, self._method.spec.episodes
        if shape is not None:
            for logits, target in own_trainer.adapted(method, batch, shape.support):
                self.tested.update(logits, target)
            return
        own_trainer.check_images(method, batch.image)
        self.tested.update(self(batch.image), batch.target)

    def on_test_epoch_end(self) -> None:
        """Log the test metrics, equal on all ranks."""
        self.log_dict({f"test/{name}": value for name, value in self.tested.compute().items()})

    @without_autocast
    def predict_step(self, batch: Batch, _: int) -> tuple[Tensor, Tensor]:
        """Rows [B] and logits [B, K] (float32, on the CPU), in the precision of the weights."""
        own_trainer.check_images(self._method, batch.image)
        return batch.index.cpu(), self(batch.image).float().cpu()

    def group_matcher(self, coarse: bool = False) -> Callable[[str], float]:
        """The layer of each parameter, which timm asks for to decay the rate by layer."""
        return matcher_of(self)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own type is private
        """The stage's or the suite's optimiser over what is not frozen, its rate set per step."""
        recipe = self.stage.recipe or self.recipe
        optimizer = optimizer_of(self, recipe)
        if self.stage.apart:
            self.others = Others(self, self.stage.apart, recipe)
            restrict(optimizer, set().union(*self.others.parameters), keep=False)
            if self._resumed:
                self.others.load_state_dict(self._resumed)
                self._resumed = {}
        steps = int(self.trainer.estimated_stepping_batches)
        epochs = int(self.trainer.max_epochs or 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, steps, epochs, recipe)
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    def optimizer_step(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - Lightning's own
        """One step, of what is trained apart as well."""
        super().optimizer_step(*given, **named)
        if self.stage.apart:
            self.others.step("step", self.trainer)

    def on_train_batch_end(self, *_: object) -> None:
        """At the end of an epoch, before its validation, step what waited for it."""
        if self.stage.apart and self.trainer.is_last_batch:
            self.others.step("epoch", self.trainer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """With the optimisers of what is trained apart."""
        if self.stage.apart and hasattr(self, "others"):
            checkpoint["others"] = self.others.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Their state until they are made, where a training goes on."""
        if self._trainer is not None:
            self._resumed = checkpoint.get("others", {})
