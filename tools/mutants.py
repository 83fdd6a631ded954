"""Mutation testing of what decides numbers and identities: which small changes no test notices.

A mutant is a file with one change: a comparison, a sign, a constant, a condition, an argument or
an entry left out, a call that is not made. It is tested in a copy of the checkout, by the quick
tests of its room and those that name its module. The sample is random with a fixed seed.

    python tools/mutants.py --sample 200          # an hour of one core
    python tools/mutants.py --only metrics/long_tail.py --sample 20
"""

import argparse
import ast
import copy
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests import commands  # noqa: E402
from tests.checkout import PARTS, copied  # noqa: E402

TARGETS = (
    *("benchmark/metrics/*.py", "benchmark/statistics/*.py", "benchmark/regression/*.py"),
    *("benchmark/grid/*.py", "benchmark/execution/store.py", "benchmark/execution/contents.py"),
    *("benchmark/evidence/record.py", "benchmark/evidence/predictions.py"),
    *(
        "benchmark/tracks/stages.py",
        "benchmark/tracks/checkpoints.py",
        "benchmark/tracks/sharing.py",
        "benchmark/tracks/code.py",
    ),
    *("datamodules/core/content.py", "datamodules/core/splitting/*.py"),
    *("datamodules/core/loading/samplers.py", "datamodules/core/pixels/normalisation.py"),
    *("datamodules/core/pixels/transforms.py", "benchmark/networks/description.py"),
)
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Mod: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list"}
SKIPPED = (ast.Raise, ast.Import, ast.ImportFrom, ast.Assert, ast.JoinedStr)
FEW = 6  # test files elsewhere; a module that more of them name is known to its room's


@dataclass(frozen=True)
class Mutant:
    """One change of a file.

    Attributes:
        file: relative to the checkout.
        line: of the change, from 1.
        old: the code that is replaced.
        new: what stands there instead.
        text: the whole file with it.
    """

    file: str
    line: int
    old: str
    new: str
    text: str

    def __str__(self) -> str:
        old, new = (" ".join(part.split())[:70] for part in (self.old, self.new))
        return f"{self.file}:{self.line}: {old} -> {new}"


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Other forms of a node."""

    def with_(**fields: object) -> ast.AST:
        other = copy.copy(node)
        for name, value in fields.items():
            setattr(other, name, value)
        return other

    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield with_(ops=[SWAPS[type(op)]()])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            yield with_(op=SWAPS[type(op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield with_(value=not value)
        case ast.Constant(value=int(value)):
            yield with_(value=value + 1)
        case ast.Constant(value=float(value)):
            yield with_(value=2 * value or 1.0)
        case ast.IfExp(body=body, orelse=orelse):
            yield with_(body=orelse, orelse=body)
        case ast.Dict(keys=keys, values=values):
            for n, key in enumerate(keys):
                if key is not None:
                    yield with_(keys=keys[:n] + keys[n + 1 :], values=values[:n] + values[n + 1 :])
        case ast.Call(func=func, keywords=keywords):
            for n, keyword in enumerate(keywords):
                if keyword.arg and not _strict(keyword):
                    yield with_(keywords=keywords[:n] + keywords[n + 1 :])
            if isinstance(func, ast.Name) and func.id in NAMES and not keywords:
                yield with_(func=ast.Name(NAMES[func.id]))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()


def _strict(node: ast.AST) -> bool:
    """Whether it asks ``zip`` for equal lengths, which no right call can tell."""
    return isinstance(node, ast.keyword) and node.arg == "strict"


def nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All that may be changed: neither annotations nor decorators, imports nor what errors say."""
    if isinstance(tree, SKIPPED) or _strict(tree):
        return
    yield tree
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from nodes(child)


def mutants_of(file: str, text: str) -> list[Mutant]:
    """Every mutant of a file that is still Python, in the order of the file."""
    lines = text.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found = []
    for node in nodes(ast.parse(text)):
        for other in changes(node):
            begin = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
            end = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
            old, new = text.encode()[begin:end].decode(), ast.unparse(other)
            if isinstance(other, ast.expr):
                new = f"({new})"
            whole = text.encode()[:begin].decode() + new + text.encode()[end:].decode()
            try:
                ast.parse(whole)
            except SyntaxError:
                continue
            found.append(Mutant(file, node.lineno, old, new, whole))  # type: ignore[attr-defined]
    return found


def tests_of(file: str, root: Path) -> list[str]:
    """Test files of a file's room, its own first, and others that name its module where few do.

    Args:
        file: relative to the checkout.
        root: the checkout whose tests are looked through.
    """
    path = Path(file)
    package, name = re.escape(".".join(("medtail", *path.parts[:-1]))), re.escape(path.stem)
    direct = rf"from {package}\.{name} import|import {package}\.{name}\b"
    named = rf"from {package} import (?:\(?[\w\s,]*\b{name}\b)"
    naming = [
        p
        for p in sorted((root / "tests").rglob("test_*.py"))
        if re.search(f"{direct}|{named}", p.read_text())
    ]
    room = root / "tests" / path.parent
    mine = sorted(room.glob("test_*.py"), key=lambda p: (p.stem != f"test_{path.stem}", p))
    others = [p for p in naming if p not in mine]
    chosen = [*mine, *(others if len(others) <= FEW or not mine else [])]
    return [str(p.relative_to(root)) for p in chosen]


def tested(tests: Sequence[str], folder: Path, environment: dict[str, str], seconds: float) -> str:
    """What tests say in a copy of the checkout: killed, survived, or ``killed (time)``."""
    words = ("-m", "pytest", "-x", "-q", "-m", "not slow and not faults", *tests)
    try:
        done = commands.run(*words, cwd=folder, env=environment, timeout=seconds)
        return "killed" if done.returncode else "survived"
    except TimeoutError:
        return "killed (time)"


class Quiet:
    """Which test files pass without a mutant, and how long they take; each is asked once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failing: set[str] = set()
        self.lock = threading.Lock()

    def of(self, tests: Sequence[str], folder: Path, environment: dict[str, str]) -> float | None:
        """Seconds of tests in a copy without a mutant, or None where some fail."""
        with self.lock:
            new = [t for t in tests if t not in self.seconds]
            start = time.monotonic()
            if new and tested(new, folder, environment, 2400) != "survived":
                self.failing |= {
                    t for t in new if tested([t], folder, environment, 900) != "survived"
                }
            self.seconds |= dict.fromkeys(new, (time.monotonic() - start) / max(1, len(new)))
        return None if self.failing & set(tests) else sum(self.seconds[t] for t in tests)


def work(
    mutants: "SimpleQueue[Mutant]", folder: Path, quiet: Quiet
) -> Iterator[tuple[Mutant, str]]:
    """Test mutants in a copy of the checkout of one's own until there is none left."""
    environment = copied(folder, (*PARTS, "docs", "tools"))
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    while True:
        try:
            mutant = mutants.get_nowait()
        except Empty:
            return
        path, tests = folder / mutant.file, tests_of(mutant.file, folder)
        if not tests:
            yield mutant, "survived"
            continue
        seconds = quiet.of(tests, folder, environment)
        if seconds is None:
            yield mutant, "not tried: some of its tests fail without it"
            continue
        before = path.read_text()
        path.write_text(mutant.text)
        try:
            yield mutant, tested(tests, folder, environment, 60 + 4 * seconds)
        finally:
            path.write_text(before)


def sample(only: str, amount: int, seed: int) -> list[Mutant]:
    """Mutants at random, each file as often as it has some."""
    files = sorted({p for glob in TARGETS for p in ROOT.glob(glob) if p.name != "__init__.py"})
    every = [
        mutant
        for path in files
        if only in (file := str(path.relative_to(ROOT)))
        for mutant in mutants_of(file, path.read_text())
    ]
    return random.Random(seed).sample(every, min(amount, len(every)))


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Test a sample; returns 1 where a mutant could not be tried."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, default=200, help="mutants")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default="", help="files with this in their path")
    parser.add_argument("--workers", type=int, default=2, help="at a time")
    asked = parser.parse_args()
    chosen = sample(asked.only, asked.sample, asked.seed)  # any part of it is a sample, too
    waiting: SimpleQueue[Mutant] = SimpleQueue()
    for mutant in chosen:
        waiting.put(mutant)
    outcomes: dict[Mutant, str] = {}
    quiet = Quiet()
    start = time.monotonic()

    def note(mutant: Mutant, outcome: str) -> None:
        outcomes[mutant] = outcome
        left = (time.monotonic() - start) / len(outcomes) * (len(chosen) - len(outcomes))
        say(f"[{len(outcomes)}/{len(chosen)}, {left / 60:.0f} min left] {outcome}: {mutant}")

    def every(folder: Path) -> None:
        for found in work(waiting, folder, quiet):
            note(*found)

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(asked.workers) as threads:
        each = [threads.submit(every, Path(place, str(n))) for n in range(asked.workers)]
        try:
            for one in each:
                one.result()
        except KeyboardInterrupt:
            while not waiting.empty():
                waiting.get()
            say("interrupted: what is below is of those that were tried")
    alive = [m for m, o in outcomes.items() if o == "survived"]
    lost = [m for m, o in outcomes.items() if o.startswith("not tried")]
    tried = len(outcomes) - len(lost)
    for mutant in alive:
        say(f"survived: {mutant}")
    if tried:
        say(f"{tried - len(alive)} of {tried} mutants were killed: {1 - len(alive) / tried:.1%}")
    return 1 if lost or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
