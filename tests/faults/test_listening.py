"""Nobody of another machine is let in: what a sweep on one machine listens on is loopback."""

import os
import socket
from pathlib import Path

import pytest

from tests.faults import kit, listening

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no /proc tells of sockets"),
]


@pytest.mark.quick
def test_both_kinds_of_sockets_are_seen():
    with socket.create_server(("", 0)) as every, socket.create_server(("127.0.0.1", 0)) as own:
        found = {port: where for where, port in listening.sockets().values()}
        assert found[own.getsockname()[1]].is_loopback
        assert found[every.getsockname()[1]].is_unspecified
        mine = {port for _, _, port in listening.of_processes(os.getpid())}
        assert own.getsockname()[1] in mine


@pytest.mark.parametrize(
    ("words", "least"),
    [
        (["--launcher", "inline"], 0),
        (["--launcher", "processes"], 0),
        (["--launcher", "inline", "--devices", "2"], 3),  # a meeting place and two of gloo
        (["--launcher", "ray", "--workers", "2"], 6),  # GCS, raylet twice, agent, driver, workers
    ],
    ids=lambda value: "-".join(value).strip("-") if isinstance(value, list) else "",
)
def test_what_a_run_listens_on_is_loopback(tmp_path, words, least):
    if "ray" in words:
        pytest.importorskip("ray")
    methods = "[erm]" if "--devices" in words else "[erm, crt]"
    suite = kit.tiny(tmp_path, kit.TINY.replace("[erm, tau_norm, crt]", methods))
    bench = ("bench", suite, "--wandb", "offline", *words)
    process = kit.start(tmp_path, *bench, MASTER_ADDR="0.0.0.0")
    found = listening.while_running(process)
    run = kit.ended(process, tmp_path)
    assert run.status == 0, run.out
    open_to_all = {one for one in found if not one[1].is_loopback}
    assert not open_to_all, open_to_all
    assert len(found) >= least, found
