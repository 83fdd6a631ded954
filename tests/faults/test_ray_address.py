"""A Ray cluster that does not answer, or does no more, is given up in one line."""

import re
import socket
import time

import pytest

from medtail.benchmark.execution.launch import ray
from medtail.datamodules.core.errors import MedtailError
from tests.faults import kit

pytestmark = pytest.mark.faults


def test_an_address_that_does_not_answer_is_given_up(tmp_path):
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        run = kit.bench(tmp_path, "--launcher", "ray", "--ray-address", address)
    assert run.status == 2, run.out
    assert "Traceback" not in run.out
    assert re.search(rf"medtail: .*{address}", run.out)
    assert not list((tmp_path / "runs").glob("cells/*/*/record.json"))


def look_ten_times(pulse, looks):
    for _ in range(10):
        looks.append(pulse.asked)
        pulse.asked = time.monotonic() - ray.ASK
        pulse.check()


@pytest.mark.quick
def test_a_cluster_that_is_gone_is_one_line_after_some_looks(monkeypatch):
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
    pulse, looks = ray.Pulse(address), []
    pulse.check()  # too early to ask
    assert pulse.missed == 0
    with pytest.raises(MedtailError, match=f"the Ray cluster at {address} is gone") as told:
        look_ten_times(pulse, looks)
    assert len(looks) == ray.PATIENCE
    assert "\n" not in str(told.value)
