"""What is known of samples: read as it was written, newer ones count, nothing without need."""

import pytest

from medtail.benchmark.evidence import samples
from medtail.benchmark.evidence.samples import Samples
from medtail.datamodules.core.errors import MedtailError

FIRST = Samples(("a", "b"), {"age": ("under 30", ""), "sex": ("male", "female")}, ("mel",))


def test_it_reads_what_it_wrote(tmp_path):
    assert samples.read(tmp_path, "skin") == Samples()
    assert samples.keep(tmp_path, "skin", FIRST)
    assert samples.read(tmp_path, "skin") == FIRST
    assert not samples.keep(tmp_path, "skin", FIRST)
    assert [p.name for p in (tmp_path / "samples").iterdir()] == ["skin.parquet"]


def test_newer_ones_count_and_others_stay(tmp_path):
    samples.keep(tmp_path, "skin", FIRST)
    samples.keep(tmp_path, "skin", Samples(("c", "b"), {"age": ("30 to 49", "50 to 69")}, ("df",)))
    found = samples.read(tmp_path, "skin")
    assert found.id == ("a", "b", "c")
    assert found.traits["age"] == ("under 30", "50 to 69", "30 to 49")
    assert found.traits["sex"] == ("male", "", "")
    assert found.critical == ("df",)


def test_a_list_that_is_no_more_goes(tmp_path):
    samples.keep(tmp_path, "skin", Samples((), {}, ("mel",)))
    assert samples.read(tmp_path, "skin").critical == ("mel",)
    assert samples.keep(tmp_path, "skin", Samples())
    assert samples.read(tmp_path, "skin") == Samples()


def test_nothing_known_writes_nothing(tmp_path):
    assert not samples.keep(tmp_path, "skin", Samples())
    assert not (tmp_path / "samples").exists()


def test_values_stand_in_the_order_that_is_asked_for():
    assert FIRST.of("sex", ["b", "x", "a"]).tolist() == ["female", "", "male"]
    assert FIRST.of("site", ["a"]).tolist() == [""]


def test_a_damaged_file_is_one_line(tmp_path):
    samples.keep(tmp_path, "skin", FIRST)
    (tmp_path / "samples/skin.parquet").write_bytes(b"no")
    with pytest.raises(MedtailError, match=r"skin\.parquet: no readable samples") as caught:
        samples.read(tmp_path, "skin")
    assert "\n" not in str(caught.value)
