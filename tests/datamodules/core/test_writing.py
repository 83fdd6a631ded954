"""Whole files, and what dead writers leave: removed; of those who live, never."""

import os
import subprocess
import sys
import time

import pytest

from medtail.datamodules.core import writing


def dead():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def machine():
    return writing.writer().partition("-")[0]


def test_a_file_is_whole_or_not_there(tmp_path):
    path = tmp_path / "new" / "text"
    with writing.whole(path) as part:
        part.write_text("one")
        assert not path.exists()
    with pytest.raises(KeyError), writing.whole(path) as part:
        {}[part.write_text("tw")]
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["text"]


def test_what_the_dead_left_goes_and_nothing_else(tmp_path):
    gone = dead()
    old = f".record.json.{gone}.part"  # of an older medtail
    left = [f".record.json.{machine()}-{gone}.part", f".fit-{machine()}-{gone}-ab12"]
    stays = [
        f".record.json.{machine()}-{os.getpid()}.part",
        f".fit-{machine()}-{os.getpid()}-ab12",
        f".record.json.00000000-{gone}.part",  # of another machine
        *(old, ".fit-ab12", "record.json", "mine.part", ".hidden"),
    ]
    for name in (*left, *stays):
        place = tmp_path / "a" / "b" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if name.startswith(".fit") else place.write_text("x")
    found = list(writing.left_in(tmp_path, 2))
    assert sorted(p.name for p in found) == sorted(left)
    assert not list(writing.left_in(tmp_path, 1)), "no deeper than asked"
    for path in found:
        writing.remove(path)
    assert sorted(p.name for p in (tmp_path / "a/b").iterdir()) == sorted(stays)


def test_of_other_machines_what_nobody_touched_for_a_month(tmp_path):
    names = [".x.00000000-1.part", ".x.77.part", "x.77.part.npy", ".fit-ab12", "mine.part"]
    for name in names:
        (tmp_path / name).write_text("")
        before = time.time() - writing.FORGOTTEN - 9
        os.utime(tmp_path / name, (before, before))
    assert sorted(p.name for p in writing.left_in(tmp_path, 0)) == sorted(names[:-1])
    assert not list(writing.left_in(tmp_path / "none", 3))


def test_a_link_is_removed_and_not_what_it_names(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("x")
    link = tmp_path / f".fit-{machine()}-{dead()}-ab"
    link.symlink_to(tmp_path / "kept")
    for path in writing.left_in(tmp_path, 3):
        writing.remove(path)
    assert not link.is_symlink()
    assert (tmp_path / "kept" / "file").exists()
