"""Commands that are forked are those that a shell would have run."""

import time

import pytest

from tests import commands


def test_folder_environment_output_and_status_are_the_commands_own(tmp_path):
    program = (
        "import os, sys; print(os.getcwd(), os.environ['MINE'], sys.argv[1:]);"
        " sys.stderr.write('told'); sys.exit(3)"
    )
    done = commands.run("-c", program, "a b", cwd=tmp_path, env={"MINE": "yes"})
    assert (done.returncode, done.stderr) == (3, "told")
    assert done.stdout == f"{tmp_path} yes ['a b']\n"
    assert commands.run("--version").stdout.startswith("medtail ")
    assert commands.run("-c", "import os; os.kill(os.getpid(), 9)").returncode == -9
    assert "ZeroDivisionError" in commands.run("-c", "1 / 0").stderr


def test_what_takes_too_long_is_killed_with_what_it_started(tmp_path):
    late = f"import time; time.sleep(2); open({str(tmp_path / 'late')!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {late!r}])"
    commands.server()
    with pytest.raises(TimeoutError):
        commands.run("-c", program, timeout=1)
    time.sleep(2.5)
    assert not (tmp_path / "late").exists()
