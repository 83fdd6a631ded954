"""The package of ``faulty.py``, as `pip install` would leave it."""

import os
import shutil
from pathlib import Path

SITE = "site"


def install(folder: Path) -> dict[str, str]:
    """Write it below a folder; the environment in which medtail finds it."""
    site = folder / SITE
    info = site / "faulty-0.1.dist-info"
    info.mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("faulty.py"), site)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[medtail.methods]\nfaulty = faulty:Faulty\n")
    before = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(site), before)))}


def suite(*faults: str, where: int = 0, others: str = "tau_norm", more: str = "") -> str:
    """A tiny suite of faulty rows, and a sound one after them."""
    rows = [f"{{name: faulty, params: {{fault: {fault}, where: {where}}}}}" for fault in faults]
    return (
        f"title: faulty\nmethods: [{', '.join([*rows, others])}]\n"
        "data:\n  - {name: phantom@natural, params: {count: 300}}\nimage_size: 16\n"
        "budget: {epochs: 3, batch_size: 64, optimizer: adamw, lr: 0.003}\n"
        f"{more}\n"
    )
