"""What a training runs within: silence, a Ctrl-C that is one, data that is let go of."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from medtail.datamodules.core.base import ImageDataModule

LOGGERS = [
    logging.getLogger(name)
    for name in (
        "lightning.pytorch",
        "lightning.fabric",
        "lightning",
        "torch.multiprocessing.spawn",  # it tells which ranks it ends
    )
]


def hush() -> None:
    """Silence Lightning's advice about loaders and loggers, which is not for our users."""
    for logger in LOGGERS:
        logger.setLevel(logging.ERROR)
    warnings.simplefilter("ignore")


@contextmanager
def quiet() -> Iterator[None]:
    """Within, ``hush``."""
    levels = [logger.level for logger in LOGGERS]
    try:
        with warnings.catch_warnings():
            hush()
            yield
    finally:
        for logger, level in zip(LOGGERS, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt again: Lightning makes it a SystemExit and goes deaf to it."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


@contextmanager
def detached(data: ImageDataModule) -> Iterator[None]:
    """Let go of the Trainer and the method's request at the end.

    Data sent to processes must not bring the one along, nor data fit elsewhere obey the other.
    """
    try:
        yield
    finally:
        data.trainer = None
        data.disconnect()
