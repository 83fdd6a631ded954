"""Faults of processes that have this folder on PYTHONPATH and name one in ``FAULT``.

    kill WHEN REGEX N   SIGKILL at the N-th rename onto a matching path, WHEN: before, half, after
    errno NAME REGEX    that rename raises an OSError of this number instead
    write NAME REGEX    writing to a matching file, by Python, raises this OSError, which names none
    pause SECONDS REGEX the first such rename waits before it happens
    fill FILE REGEX N   after the N-th such rename, FILE takes all that its disk has left
    fit N               SIGKILL at the N-th start of a Trainer

Each writes ``[fault] ...`` to the file ``FAULT_FIRED``: a test asserts that it did.
"""

import errno
import os
import re
import signal
import time
from pathlib import Path

KIND, *WORDS = (os.environ.get("FAULT") or "none").split()


def fired(what):
    """Leave word that the fault happened."""
    with Path(os.environ["FAULT_FIRED"]).open("a") as note:
        note.write(f"[fault] {what}\n")
        note.flush()
        os.fsync(note.fileno())


def on_rename(matching, act):
    """Have ``act(real, from, to, options, number)`` for each rename onto a matching path."""
    real, seen = os.replace, [0]

    def replace(source, target, **options):
        if not re.search(matching, str(target)):
            return real(source, target, **options)
        seen[0] += 1
        return act(real, source, target, options, seen[0])

    os.replace = replace


def kill(when, matching, number):
    def act(real, source, target, options, seen):
        if seen != int(number):
            return real(source, target, **options)
        if when == "half":
            os.truncate(source, Path(source).stat().st_size // 2)
        if when == "after":
            real(source, target, **options)
        fired(f"killed {when} the rename onto {target}")
        return os.kill(os.getpid(), signal.SIGKILL)

    on_rename(matching, act)


def refuse(name, matching):
    def act(real, source, target, options, seen):
        fired(f"{name} at the rename onto {target}")
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    on_rename(matching, act)


def refuse_writing(name, matching):
    """Each file that is opened to be written, if its path matches, and not as a descriptor."""
    import builtins
    import io

    real = io.open

    class Refusing(io.FileIO):
        def write(self, content):
            fired(f"{name} while {self.name} is written")
            raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    def opened(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, **more):
        by_path = isinstance(file, str | os.PathLike)
        if by_path and set(mode) & set("wx") and re.search(matching, str(file)):
            raw = io.BufferedWriter(Refusing(file, mode.replace("b", "").replace("t", "")))
            return raw if "b" in mode else io.TextIOWrapper(raw, encoding, errors, newline)
        return real(file, mode, buffering, encoding, errors, newline, **more)

    io.open = builtins.open = opened


def pause(seconds, matching):
    def act(real, source, target, options, seen):
        if seen == 1:
            fired(f"pause before the rename onto {target}")
            time.sleep(float(seconds))
        return real(source, target, **options)

    on_rename(matching, act)


def fill(file, matching, number):
    def act(real, source, target, options, seen):
        found = real(source, target, **options)
        if seen == int(number):
            fired(f"the disk of {file} is filled")
            content = bytes(2**16)
            try:
                with Path(file).open("wb", buffering=0) as ballast:
                    while ballast.write(content):
                        pass
            except OSError:
                pass
        return found

    on_rename(matching, act)


def kill_at_fit(number):
    """Through the import of Lightning's Trainer, which is late and long."""
    import importlib.abc
    import importlib.util
    import sys

    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name != "lightning.pytorch.trainer.trainer":
                return None
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                real, seen = module.Trainer.fit, [0]

                def fit(*args, **kwargs):
                    seen[0] += 1
                    if seen[0] == int(number):
                        fired("killed at the start of fit")
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(*args, **kwargs)

                module.Trainer.fit = fit

            spec.loader.exec_module = exec_module
            return spec

    sys.meta_path.insert(0, Finder())


FAULTS = {
    "kill": kill,
    "errno": refuse,
    "write": refuse_writing,
    "pause": pause,
    "fill": fill,
    "fit": kill_at_fit,
}
if KIND in FAULTS:
    FAULTS[KIND](*WORDS)
