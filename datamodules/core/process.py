"""What this process is for. One that only reads names and labels loads neither torch nor Lightning.

``medtail list``, ``status`` and ``data status`` ask every dataset for facts and label files, and
end. Loaders are what makes a dataset a LightningDataModule, and what takes seconds to import.
"""

_trains = True


def only_reads() -> None:
    """Say that this process trains nothing; before a dataset is imported, for the command's life.

    Datasets then have their facts, tables and regimes, but no loaders.
    """
    global _trains
    _trains = False


def trains() -> bool:
    """Whether datasets have loaders in this process."""
    return _trains
