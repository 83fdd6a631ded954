"""The processes of one training: silent, ended together, and the first error is the reason."""

import os
import pickle
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch.multiprocessing as mp
from lightning.pytorch.strategies.launchers.multiprocessing import (
    _GlobalStateSnapshot,
    _MultiProcessingLauncher,
)
from torch.multiprocessing.spawn import (
    ProcessExitedException,
    ProcessRaisedException,
    start_processes,
)

from medtail.datamodules.core.errors import MedtailError

from .contexts import hush
from .one_machine import OneMachine

GRACE = 3.0  # seconds in which the others may say what they know, and then end by themselves
OF_A_TERMINAL = frozenset({signal.SIGINT, signal.SIGHUP})  # which sends them to every process


def death(code: int) -> MedtailError:
    """Why a process is dead that gave no reason, in one line."""
    how = f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
    memory = ": the system may be out of memory" if code == -signal.SIGKILL else ""
    return MedtailError(f"its process died ({how}){memory}")


@contextmanager
def masked(signals: frozenset[signal.Signals] = OF_A_TERMINAL) -> Iterator[None]:
    """Processes and threads that are started within never see these signals."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def silence() -> None:
    """What this process says from now on goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


class Launcher(_MultiProcessingLauncher):
    """Lightning's, with an end for all ranks whatever happens to one, or to this process."""

    notes: Path  # folder in which a rank leaves why it failed

    def launch(
        self,
        function: Callable[..., Any],
        *args: Any,  # noqa: ANN401
        trainer: "L.Trainer | None" = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run a function in all ranks. Raises what the first of them raised that failed."""
        if trainer is None or self._strategy.cluster_environment is None:
            raise RuntimeError("ranks train: they are started by a Trainer's fit")
        os.environ["MASTER_PORT"] = str(self._strategy.cluster_environment.main_port)
        answer = mp.get_context("spawn").SimpleQueue()
        with tempfile.TemporaryDirectory(prefix="medtail-ranks-") as notes:
            self.notes = Path(notes)
            given = (trainer, function, args, kwargs, answer, _GlobalStateSnapshot.capture())
            with masked():
                ranks = start_processes(  # type: ignore[no-untyped-call]
                    self._wrapping_function,
                    args=given,
                    nprocs=self._strategy.num_processes,  # type: ignore[attr-defined]
                    join=False,
                    start_method="spawn",
                )
            try:
                while not ranks.join(grace_period=GRACE):
                    pass
            except (ProcessExitedException, ProcessRaisedException) as error:
                raise self._reason(error) from None
            finally:
                for rank in ranks.processes:
                    rank.kill()
                    rank.join()
        output = answer.get()
        self._recover_results_in_main_process(output, trainer)
        return output.trainer_results

    def _wrapping_function(self, process_idx: int, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        mp._prctl_pr_set_pdeathsig(signal.SIGKILL)  # type: ignore[attr-defined]
        silence()
        hush()
        try:
            super()._wrapping_function(process_idx, *args, **kwargs)
        except BaseException as error:
            self._note(process_idx, error)
            raise

    def _note(self, rank: int, error: BaseException) -> None:
        trace = "".join(traceback.format_exception(error))
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an error that does not travel
            error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(trace)
        (self.notes / str(rank)).write_bytes(pickle.dumps((time.time(), error)))

    def _reason(self, error: ProcessExitedException | ProcessRaisedException) -> BaseException:
        """The error that came first: of the others the connection broke by it."""
        if isinstance(error, ProcessExitedException) and error.exit_code:
            return death(error.exit_code)
        found = [pickle.loads(path.read_bytes()) for path in self.notes.iterdir()]
        return min(found, key=lambda note: note[0])[1] if found else error


class Ranks(OneMachine):
    """DDP on one machine whose processes are started by ``Launcher``."""

    def _configure_launcher(self) -> None:
        self._launcher = Launcher(self, start_method="spawn")
