"""Signals as a process hears them that a terminal starts."""

import signal


def heard() -> None:
    """For ``preexec_fn``: a shell's background job, or ``nohup``, has its children ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
