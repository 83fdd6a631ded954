"""A driver that dies at any moment: the same command again ends with the boards of a quiet run."""

import pytest

from tests.faults import kit

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    "fault",
    [
        "fit 1",
        pytest.param("fit 3", marks=pytest.mark.quick),  # between crt's stages
        "kill before predictions.parquet$ 1",
        "kill half record.json$ 1",
        "kill after record.json$ 2",
        "kill before phantom@natural.md$ 1",
        "kill half records/phantom@natural.jsonl$ 1",
    ],
)
def test_a_driver_killed_at_a_moment_goes_on_from_there(tmp_path, equal, fault):
    run = kit.bench(tmp_path, fault=fault)
    assert run.fired.startswith("[fault]"), run.out
    assert run.status == -9
    again = kit.bench(tmp_path)
    assert again.status == 0, again.out
    equal(tmp_path)
