"""Files of others are read without running code of theirs: the source has no other way to read."""

import ast

import pytest

from tests.test_architecture import FILES, ROOT

# Pickles travel between processes of one user alone; docs/security.md says so.
PICKLES = {
    "benchmark/execution/launch/array.py",
    "benchmark/execution/limit.py",
    "benchmark/tracks/ranks.py",
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
SAFE_YAML = {"safe_load", "safe_dump", "SafeLoader", "CSafeLoader"}
RUNS = {"eval", "exec", "compile", "__import__"}


def calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = {k.arg: ast.unparse(k.value) for k in node.keywords if k.arg}
            yield ast.unparse(node.func), given


def wrong(source):
    """What in a file might run code of what is read."""
    tree = ast.parse(source)
    found = []
    for node in ast.walk(tree):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
        found += [name for name in names if name.split(".")[0] in MODULES]
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "yaml":
            loads = "load" in node.attr.lower() and node.attr not in SAFE_YAML
            found += [f"yaml.{node.attr}"] * loads
    for name, given in calls(tree):
        if name == "torch.load" or name.endswith(".load_from_checkpoint"):
            found += [name] * (given.get("weights_only") != "True")
        found += [name] * (given.get("weights_only", "True") != "True")
        found += [name] * (given.get("allow_pickle", "False") != "False")
        found += [name] * (name in RUNS or name.startswith(("os.system", "os.popen")))
        found += [name] * (given.get("shell", "False") != "False")
    return found


def test_nothing_that_is_read_can_run():
    for path in FILES:
        found = wrong(path.read_text())
        if str(path.relative_to(ROOT)) in PICKLES:
            found = [name for name in found if name != "pickle"]
        assert not found, path


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "trainer.fit(method, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_each_other_way_is_seen(source):
    assert wrong(source)
