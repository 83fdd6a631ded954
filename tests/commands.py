"""``medtail`` commands without the ten seconds in which PyTorch and Lightning are imported.

A server imports those libraries once, and nothing of medtail. Each command is a fork of it with its
own folder, environment and output, in which medtail is imported anew. What must be seen from an
interpreter's first line on (what a start loads, hash seeds, odd signals) is not run here.
"""

import atexit
import contextlib
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

LIBRARIES = ("torch", "torchvision", "lightning.pytorch", "torchmetrics", "timm", "scipy.stats",
             "pandas", "pyarrow.parquet", "pydantic", "typer", "rich.console")  # fmt: skip
CLIENT = """\
#!{python} -IS
import runpy, sys
ask = runpy.run_path({here!r})["ask"]
sys.exit(ask({place!r}, sys.argv[1:]))
"""


def ask(place: str, words: list[str], **given: Any) -> int:
    """Have a command run by the server at ``place``; returns its exit status.

    The command and what it started are killed when this is left before it ends.

    Args:
        place: of the server's socket.
        words: behind ``medtail``, or ``-m`` and a module, or ``-c`` and a program, with theirs.
        given: ``cwd``, ``env`` and ``streams``, those of this process unless said; ``timeout``.

    Raises:
        TimeoutError: it took longer.
    """
    streams = given.get("streams", (0, 1, 2))
    cwd, env = str(given.get("cwd") or Path.cwd()), dict(given.get("env") or os.environ)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(place)
        socket.send_fds(line, [b"!"], streams)
        line.sendall(json.dumps([words, cwd, env]).encode() + b"\n")
        line.settimeout(given.get("timeout"))
        return int(line.recv(16) or 1)


def run(*words: object, cwd=None, env=None, timeout=None) -> subprocess.CompletedProcess[str]:
    """A command, its output and status as ``subprocess.run`` gives them; words as of ``ask``."""
    said = [str(word) for word in words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with Path(os.devnull).open() as nothing:
            streams = [nothing.fileno(), out.fileno(), err.fileno()]
            status = ask(server(), said, cwd=cwd, env=env, streams=streams, timeout=timeout)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    return subprocess.CompletedProcess(said, status, *texts)


def programs_in(folder: Path) -> str:
    """Fill a ``bin`` with the environment's programs, of which ``medtail`` asks the server."""
    shutil.copytree(Path(sys.prefix, "bin"), folder, symlinks=True)
    (folder.parent / "lib").symlink_to(Path(sys.prefix, "lib"))
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), folder.parent)
    path = folder / "medtail"
    path.write_text(CLIENT.format(python=sys.executable, here=__file__, place=server()))
    return str(folder)


@cache
def server() -> str:
    """The place of this process's server, which ends with it."""
    place = str(Path(tempfile.mkdtemp()) / "commands")
    words = [sys.executable, "-I", __file__, place]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    atexit.register(shutil.rmtree, Path(place).parent, ignore_errors=True)
    atexit.register(process.kill)
    assert process.stdout.readline() == b"ready\n"
    return place


def serve(place: str) -> None:
    """Fork a process for each command that is asked for, as long as the caller lives."""
    for name in LIBRARIES:
        __import__(name)
    gc.freeze()  # or each fork's first collection copies them all
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        if not os.fork():
            sys.stdin.read()  # ends with the process that holds the other end
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        while True:
            line, _ = door.accept()
            if not os.fork():
                door.close()
                _attend(line)
            line.close()


def _attend(line: socket.socket) -> None:
    """Run one command in a process of its own and tell its status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(line, 1, 3)
    asked = json.loads(line.makefile().readline())
    if not (child := os.fork()):
        line.close()
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        _become(*asked)
    ended = os.pidfd_open(child)
    if line in select.select([line, ended], [], [])[0]:  # the one that asked is gone
        os.killpg(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(OSError):
        line.sendall(str(status).encode())
    os._exit(0)


def _become(words: list[str], cwd: str, env: dict[str, str]) -> NoReturn:
    """What a fresh interpreter would do."""
    import random

    import numpy as np

    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None
    sys.dont_write_bytecode = bool(env.get("PYTHONDONTWRITEBYTECODE"))
    random.seed()
    np.random.seed()
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        setattr(sys, name, os.fdopen(number, mode, closefd=False))
    sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    custom = [Path(folder, "sitecustomize.py") for folder in sys.path[1:]]
    for path in [path for path in custom if path.exists()][:1]:
        runpy.run_path(str(path))
    try:
        if words[:1] == ["-c"]:
            sys.argv = ["-c", *words[2:]]
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            name, *sys.argv[1:] = words[1:] if words[:1] == ["-m"] else ["medtail", *words]
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # to take the libraries apart would take seconds


if __name__ == "__main__":
    serve(sys.argv[1])
