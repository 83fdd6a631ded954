"""Files that can be made again: believed with their note and checksum, set aside without."""

import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medtail.datamodules.core import derived

WHAT = {"of": "these", "shape": [2, 3]}
CONTENT = bytes(range(256))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.npy"


def make(part):
    part.write_bytes(CONTENT)


def settled(path, monkeypatch):
    """As a file that nobody has changed for a while."""
    monkeypatch.setattr(derived, "SETTLED", -1.0)
    derived._seen.clear()
    return path


def counted(monkeypatch):
    seen = []
    real = derived.checksum
    monkeypatch.setattr(derived, "checksum", lambda path: seen.append(path) or real(path))
    return seen


def test_it_is_made_once(path):
    assert derived.ensure(path, WHAT, make)
    assert not derived.ensure(path, WHAT, pytest.fail)
    assert {p.name for p in path.parent.iterdir()} == {"made.npy", "made.json", "made.lock"}


HARM = {
    "flipped": (lambda p: p.write_bytes(CONTENT[:9] + b"\0" + CONTENT[10:]), "damaged"),
    "cut": (lambda p: p.write_bytes(CONTENT[:100]), "damaged"),
    "empty": (lambda p: p.write_bytes(b""), "damaged"),
    "a folder": (lambda p: p.unlink() or p.mkdir(), "nothing says what it is"),
    "no note": (lambda p: derived.note_of(p).unlink(), "nothing says what it is"),
    "another note": (lambda p: derived.note_of(p).write_text("[1]"), "nothing says what it is"),
}


@pytest.mark.parametrize(("harm", "why"), HARM.values(), ids=HARM)
def test_what_cannot_be_believed_is_set_aside_in_one_line(path, harm, why):
    derived.ensure(path, WHAT, make)
    harm(path)
    with derived.collected() as said:
        assert derived.ensure(path, WHAT, make)
    assert said == [f"{path}: {why}: set aside as made.damaged, made anew"]
    assert path.read_bytes() == CONTENT
    assert path.with_suffix(".damaged").exists()


def test_a_right_file_of_something_else_is_not_taken(path):
    other = path.with_name("other.npy")
    derived.ensure(other, WHAT | {"of": "those"}, lambda part: part.write_bytes(CONTENT[::-1]))
    for suffix in (".npy", ".json"):
        shutil.copy(other.with_suffix(suffix), path.with_suffix(suffix))
    with derived.collected() as said:
        derived.ensure(path, WHAT, make)
    assert "of something else" in said[0]
    assert path.read_bytes() == CONTENT


def test_a_file_is_read_once_and_again_after_any_change(path, monkeypatch):
    derived.ensure(settled(path, monkeypatch), WHAT, make)
    read = counted(monkeypatch)
    for _ in range(3):
        assert not derived.wrong(path, WHAT)
    assert len(read) == 1
    derived._seen.clear()  # as another process
    assert not derived.wrong(path, WHAT)
    assert len(read) == 1
    before = path.stat()
    path.write_bytes(CONTENT[::-1])
    assert derived.wrong(path, WHAT) == "damaged"
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert derived.wrong(path, WHAT) == "damaged", "with its old size and time, too"


def test_a_change_right_after_the_check_is_found(path, monkeypatch):
    derived.ensure(path, WHAT, make)
    read = counted(monkeypatch)
    assert not derived.wrong(path, WHAT)
    assert not derived.wrong(path, WHAT)
    assert len(read) == 2, "a file that was just written is not remembered"


def test_a_cache_that_cannot_be_written_serves(path, monkeypatch):
    derived.ensure(settled(path, monkeypatch), WHAT, make)

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(derived, "_write", refuse)
    read = counted(monkeypatch)
    assert not derived.ensure(path, WHAT, pytest.fail)
    assert not derived.ensure(path, WHAT, pytest.fail)
    assert len(read) == 1, "once in a process"


def test_one_that_is_replaced_is_never_without_its_checksum(path, monkeypatch):
    for content in (b"one", b"two"):
        part = path.with_name("part")
        part.write_bytes(content)
        derived.keep(path, part, WHAT)
    part.write_bytes(b"three")
    monkeypatch.setattr(type(path), "replace", _killed_at(path, type(path).replace))
    with pytest.raises(KeyboardInterrupt):
        derived.keep(path, part, WHAT)
    assert path.read_bytes() == b"two"
    assert not derived.wrong(path, WHAT)


def _killed_at(path, real):
    def replace(self, target):
        if target == path:
            raise KeyboardInterrupt
        return real(self, target)

    return replace


def test_what_failed_leaves_nothing(path):
    def fail(part):
        part.write_bytes(b"half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        derived.ensure(path, WHAT, fail)
    assert [p.name for p in path.parent.iterdir()] == ["made.lock"]


@given(st.data())
def test_random_damage_is_found_or_harmless(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "made.npy"
    derived.ensure(path, WHAT, make)
    victim = data.draw(st.sampled_from([path, derived.note_of(path)]))
    whole = victim.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.binary(max_size=20))
    rest = data.draw(st.sampled_from([whole[place + len(other) :], b""]))
    victim.write_bytes(whole[:place] + other + rest)
    with derived.collected() as said:
        derived.ensure(path, WHAT, make)
    assert path.read_bytes() == CONTENT
    assert all("\n" not in line and str(path) in line for line in said)
