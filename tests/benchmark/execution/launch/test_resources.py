"""What ``--slurm`` takes, and what it refuses in one line."""

import pytest

from medtail.benchmark.execution.launch.resources import Resources, read
from medtail.datamodules.core.errors import MedtailError


def test_words_are_read_singly_and_together():
    assert read([]) == Resources()
    lines = "setup=module load cuda, python"
    one = read(["partition=gpu,time=2:00:00,gpus=1,mem=16", lines])
    assert one == read(["partition=gpu", "time=120", "gpus=1", "mem=16GB", lines])
    assert one == Resources(
        time=120,
        gpus=1,
        mem=16.0,
        setup=("module load cuda, python",),
        given={"partition": "gpu"},
    )
    nodes = read(["nodelist=n1,n2,account=mine"])
    assert nodes.given == {"nodelist": "n1,n2", "account": "mine"}
    assert read(["time=5", "time=6"]).time == 6


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90", 90),
        ("90:30", 91),
        ("1:30:00", 90),
        ("1-12", 2160),
        ("0-0:05", 5),
        ("1-2:03:04", 1564),
    ],
)
def test_time_is_as_slurm_reads_it(text, minutes):
    assert read([f"time={text}"]).time == minutes


@pytest.mark.parametrize(("text", "gb"), [("8", 8), ("512M", 0.5), ("1.5g", 1.5), ("2TB", 2048)])
def test_memory_is_gb_unless_it_says_otherwise(text, gb):
    assert read([f"mem={text}"]).mem == gb


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("partitoin=gpu", "unknown key of --slurm 'partitoin': did you mean partition"),
        ("gpus", "--slurm gpus: write KEY=VALUE"),
        ("time=", "--slurm time=: write KEY=VALUE"),
        ("time=soon", "--slurm time=soon: write minutes, H:MM:SS or D-HH:MM:SS"),
        ("time=1:2:3:4", "--slurm time=1:2:3:4: write minutes"),
        ("time=0", "--slurm time=0: a job needs a minute"),
        ("mem=lots", "--slurm mem=lots: write GB"),
        ("mem=8X", "--slurm mem=8X: write GB"),
        ("gpus=a100:2", "--slurm gpus=a100:2: write a whole number"),
        ("cells=-1", "--slurm cells=-1: write a whole number"),
    ],
)
def test_a_mistake_is_one_clear_line(word, said):
    with pytest.raises(MedtailError) as caught:
        read([word])
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert "medtail list" not in str(caught.value)


def test_how_many_cells_a_job_has():
    assert Resources().bundle(1, cells_per_gpu=4) == 1, "a CPU's cell has its own job"
    assert Resources(gpus=2).bundle(1, cells_per_gpu=4) == 8
    assert Resources(gpus=4).bundle(2, cells_per_gpu=4) == 2
    assert Resources(gpus=1, cells=3).bundle(1, cells_per_gpu=1) == 3
    with pytest.raises(MedtailError, match="--devices 2: write --slurm gpus=2, or more"):
        Resources(gpus=1).bundle(2, cells_per_gpu=1)
