"""What is read from a method's source is what its class says."""

import pytest

from medtail import methods
from medtail.methods.core import index
from medtail.methods.core.index import UnreadableError, common_arguments, of_class, of_source

EVERY = pytest.mark.parametrize("name", methods.own())
HEAD = '''"""Mine.

Paper: none.
"""

from .core.base import Method, Stage
from .core.one_class.base import OneClass
'''


@EVERY
def test_source_and_class_agree(name):
    read, true = of_source(name), of_class(name, methods.get(name))
    assert read == true
    assert list(read.arguments) == list(true.arguments)
    assert [type(v) for v in read.arguments.values()] == [type(v) for v in true.arguments.values()]


def test_common_arguments_are_those_of_the_base():
    from medtail.methods.core.base import Method

    assert common_arguments() == of_class("method", Method).arguments


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of methods of its own, with the bases of ours."""
    (tmp_path / "core").symlink_to(index.HERE / "core")
    monkeypatch.setattr(index, "HERE", tmp_path)
    return tmp_path


def written(folder, body, name="mine"):
    (folder / f"{name}.py").write_text(HEAD + body)
    return name


def test_a_base_hands_on_what_a_method_does_not_say(folder):
    written(
        folder,
        "class Parent(OneClass):\n    paper = 'me'\n    stages = (Stage('a', by='erm'),)\n",
        "parent",
    )
    body = "from .parent import Parent\nclass Mine(Parent):\n    status = 'reconstruction'\n"
    found = of_source(written(folder, body))
    assert (found.paper, found.status, found.tracks) == ("me", "reconstruction", ("one_class",))
    assert found.parents == ("Parent", "OneClass", "Method")
    assert found.begins_as == ("erm",)
    assert found.summary == "Mine."


def test_the_nearest_init_decides_on_the_arguments(folder):
    body = (
        "RATE = 0.5\nclass Mine(Method):\n"
        "    def __init__(self, spec, *, rate=RATE, names=('a', 'b'), must, **c):\n"
        "        super().__init__(spec, **c)\n"
    )
    found = of_source(written(folder, body))
    assert found.arguments["rate"] == 0.5
    assert found.arguments["names"] == ("a", "b")
    assert "backbone" not in found.arguments  # as in a signature that ends in **c


@pytest.mark.parametrize(
    "body",
    [
        "class Mine(Method):\n    def __init__(self, spec, *, rate=len('abc')): ...\n",
        "class Mine(Method):\n    paper = 'a' + str(2)\n",
        "class Mine(OneClass, Method):\n    paper = 'two bases'\n",
        "class _Mine(Method):\n    paper = 'hidden'\n",
        "class Mine(Method): ...\nclass Another(Method): ...\n",
    ],
)
def test_what_is_no_constant_is_left_to_the_class(folder, body):
    with pytest.raises(UnreadableError):
        of_source(written(folder, body))


def test_describe_asks_the_class_where_the_source_does_not_say(monkeypatch):
    def refuse(name):
        raise UnreadableError(name)

    true = of_class("erm", methods.get("erm"))
    monkeypatch.setattr(methods, "of_source", refuse)
    methods.describe.cache_clear()
    assert methods.describe("erm") == true
    methods.describe.cache_clear()
