"""Metrics of validation during training."""

import pytest
import torch

from medtail.methods.core.monitor import ValidationMetrics, balanced_accuracy


def test_validation_leaves_absent_classes_out():
    metrics = ValidationMetrics(3)
    logits = torch.tensor([[2.0, 1, 0], [0, 1, 2.0], [0, 2, 1.0], [0, 3, 0]])
    target = torch.tensor([0, 0, 1, 1])
    metrics.update(logits, target)
    values = metrics.compute()
    assert values["balanced_accuracy"].item() == pytest.approx(0.75)
    assert balanced_accuracy(logits, target).item() == pytest.approx(0.75)
    assert values["macro_auc"].item() == pytest.approx(1.0)
    metrics.update(logits, target)
    assert metrics.compute()["balanced_accuracy"].item() == pytest.approx(0.75)
    metrics.update(logits[:1], target[:1])
    assert metrics.compute()["macro_auc"].isnan()
