"""The commands that write a start: ``medtail new ...``."""

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from medtail.datamodules.core.errors import MedtailError

from . import terminal

new_app = typer.Typer(no_args_is_help=True, help="Write a start: the file of a method.")
console = terminal.console()

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 30  # letters, so that no line of the file is too long
SUITE = "quick"
TEMPLATE = '''\
"""{title}: say in a line what it changes.

Paper: authors, "title", venue and year.
Equations: 1, L = 1/B sum_i -log softmax(s_i)_{{y_i}}: say which of the paper's, and what they are.
Deviations: none.
Status: faithful.
"""

from torch import Tensor
from torch.nn import functional as F

from medtail.datamodules.core.contract import Batch

from .core.base import Method


def {function}(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """Cross-entropy, so far (equation 1).

    Args:
        logits: [B, K].
        target: [B].
        counts: [K] training images of each class.

    Returns:
        Mean loss, a scalar.
    """
    # EDIT: the formula of the paper. It may use counts; cross-entropy does not.
    return F.cross_entropy(logits, target)


class {family}(Method):
    """Say in a line what it does."""

    paper = "authors year"  # EDIT: as the leaderboard shows it; the card above, too

    def loss(self, batch: Batch) -> Tensor:
        """Mean loss of a training batch."""
        return {function}(self(batch.image), batch.target, self.counts)
'''


@new_app.callback()
def _group() -> None:
    """Keep ``method`` a command of its own, as long as it is the only one."""


@new_app.command()
def method(
    name: Annotated[str, typer.Argument(help="Its file and name: small letters, digits and _.")],
) -> None:
    """Write methods/NAME.py: a method that works, with the places to edit marked."""
    from medtail import methods

    from ..grid.files import load

    folder = Path("methods")
    _check(name, folder, Path(methods.__file__).parent)
    if name in methods.names() or (folder / name).exists():
        raise MedtailError(f"there is a method '{name}' already: take another name")
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(render(name))
    except FileExistsError as error:
        raise MedtailError(f"{path} exists already: take another name") from error
    suite = load(SUITE)
    rival, data = suite.methods[0].name, suite.data[0].name
    tests = "tests/methods/test_registry.py tests/methods/test_contract.py"
    lines = (
        f"{path}: works as it is; edit what is marked EDIT, then",
        f"  python -m pytest {tests} -k {name}",
        f"  medtail bench {SUITE} --set 'methods=[{rival},{name}]'",
        f"  cat runs/leaderboards/{data}.md",
        "docs/add-a-method.md says more",
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def render(name: str) -> str:
    """The file of a new method."""
    family = "".join(part.capitalize() for part in name.split("_"))
    if family in ("Batch", "F", "Method", "Tensor"):  # which the file imports
        family += "Variant"
    return TEMPLATE.format(
        title=name.replace("_", " ").capitalize(),
        family=family,
        function=f"{name.removesuffix('_loss')}_loss",
    )


def _check(name: str, folder: Path, imported: Path) -> None:
    """Refuse what could not work as a file of ``folder``, which must be the ``imported`` one."""
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > LONGEST:
        raise MedtailError(
            f"'{name}' cannot be the name of a method: write small letters, digits and single _, "
            f"a letter first, at most {LONGEST}, and no word of Python's own"
        )
    if not (folder / "core/base.py").is_file() or folder.resolve() != imported.resolve():
        where = imported.parent
        hint = (
            f"cd {where}"
            if (where / "pyproject.toml").is_file()
            else "clone medtail, or register a class of a package of yours by an entry point"
        )
        raise MedtailError(
            f"{folder.resolve()} is not the folder of methods of this medtail: {hint}"
        )
