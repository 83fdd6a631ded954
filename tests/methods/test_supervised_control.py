"""The supervised control: it sees the labels that are withheld from the others."""

import numpy as np

from medtail.datamodules.core.contract import DataSpec
from tests.methods.test_one_class import SPEC, build


def test_the_control_weighs_by_all_counts():
    control = build("supervised_control")
    assert control.request(control.stages[0]).withheld
    expected = np.array([1 / 4693, 1 / 2312])
    np.testing.assert_allclose(control.weight, 2 * expected / expected.sum(), rtol=1e-5)
    assert control.findings() == {"withheld_labels": 2312}
    assert control.spec == SPEC
    few = DataSpec("few", ("a", "b"), (100, 10), (16, 16), track="one_class")
    assert build("supervised_control", spec=few).findings() == {"withheld_labels": 0}
