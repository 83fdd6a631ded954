"""Break methods and metrics on purpose, each in a copy, and see which test notices.

.venv/bin/python -m tools.broken > /tmp/broken.md     # docs/broken_on_purpose.md quotes it
"""

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.checkout import copied


@dataclass(frozen=True)
class Break:
    """A mistake.

    Attributes:
        name: in words.
        edits: file, a text that stands there once, what it becomes.
        tests: files that should notice.
    """

    name: str
    edits: tuple[tuple[str, str, str], ...]
    tests: tuple[str, ...]


LOSSES, STAGES = "methods/test_losses", "methods/test_stages"
METRICS = "benchmark/metrics/test_long_tail"
BREAKS = (
    Break(
        "sign of the logit adjustment, in the loss",
        (("methods/logit_adjustment.py", "logits + tau * log", "logits - tau * log"),),
        (LOSSES,),
    ),
    Break(
        "sign of the logit adjustment, after training",
        (("methods/post_hoc_logit_adjustment.py", "logits - tau * log", "logits + tau * log"),),
        (LOSSES,),
    ),
    Break(
        "LDAM's margin dropped",
        (("methods/ldam.py", "logits - F.one_hot(target, len(margins)) * margins", "logits"),),
        ("methods/test_ldam",),
    ),
    Break(
        "BatchNorm left moving where it is frozen",
        (
            ("methods/core/base.py", ".requires_grad_(False).eval()", ".requires_grad_(False)"),
            ("methods/core/lightning_hooks.py", "for name in self._frozen:", "for name in ():"),
        ),
        (STAGES,),
    ),
    Break(
        "an absent class scored 0",
        (("benchmark/metrics/long_tail.py", "return math.nan, math.nan", "return 0.0, 0.0"),),
        (METRICS,),
    ),
    Break(
        "AUC on raw logits",
        (
            (
                "benchmark/evidence/predictions.py",
                "scores -= np.log(np.exp(scores)",
                "np.log(np.exp(scores)",
            ),
            (
                "benchmark/metrics/long_tail.py",
                "auc_and_ap(probability[:, k]",
                "auc_and_ap(test.logits[:, k]",
            ),
        ),
        (METRICS,),
    ),
    Break(
        "mixup of every image with itself",
        (("methods/core/mixing.py", "torch.randperm(len(image))", "torch.arange(len(image))"),),
        ("methods/test_mixing",),
    ),
    Break(
        "tau-norm squared",
        (("methods/tau_norm.py", ".pow(tau)", ".pow(2 * tau)"),),
        (STAGES,),
    ),
)


def edit(folder: Path, broken: Break) -> str:
    """Apply the edits; returns them as lines of a diff."""
    lines = []
    for name, old, new in broken.edits:
        text = (folder / name).read_text()
        if text.count(old) != 1:
            sys.exit(f"{broken.name}: '{old}' stands {text.count(old)} times in {name}, not once")
        (folder / name).write_text(text.replace(old, new))
        line = next(line for line in text.splitlines() if old in line).strip()
        lines += [f"{name}", f"- {line}", f"+ {line.replace(old, new)}"]
    return "\n".join(lines)


def failing(folder: Path, environment: dict[str, str], tests: tuple[str, ...]) -> list[str]:
    """Names of the tests that fail in a copy."""
    files = [f"tests/{name}.py" for name in tests]
    words = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no", "-rfE", *files]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    found = re.findall(r"^(?:FAILED|ERROR) (\S+::\w+)", done.stdout, re.MULTILINE)
    return list(dict.fromkeys(found))


def main() -> None:
    """Print a Markdown section for every mistake; exit status 1 if one is not noticed."""
    unseen = []
    for broken in (None, *BREAKS):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            environment = copied(folder)
            if broken is None:
                every = tuple(sorted({name for b in BREAKS for name in b.tests}))
                if found := failing(folder, environment, every):
                    sys.exit(f"unbroken, these fail already: {', '.join(found)}")
                continue
            diff, found = edit(folder, broken), failing(folder, environment, broken.tests)
        unseen += [] if found else [broken.name]
        noticed = "\n".join(f"- `{name}`" for name in found) or "- nothing"
        sys.stdout.write(f"## {broken.name}\n\n```diff\n{diff}\n```\n\nNoticed by\n\n{noticed}\n\n")
        sys.stdout.flush()
    if unseen:
        sys.exit(f"not noticed: {', '.join(unseen)}")


if __name__ == "__main__":
    main()
