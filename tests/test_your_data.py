"""docs/your-data.md: every command is run in order, on made-up images, and every key is there."""

import csv
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from medtail.datamodules.core.own.description import Description, described
from tests import ROOT, commands
from tests.twins import write_image

PAGE = (ROOT / "docs/your-data.md").read_text()
LABELS = ("naevus", "melanoma", "other")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def table_of_keys():
    """What stands between the marks of the page, from the types themselves."""
    lines = ["| key | default | what it is |", "|---|---|---|"]
    for key, field in Description.model_fields.items():
        usual = "" if field.is_required() else field.get_default()
        shown = {True: "true", False: "false", None: "none"}.get(usual, usual) or "none"
        shown = "required" if field.is_required() else f"`{shown}`" if shown != "none" else shown
        lines.append(f"| `{key}` | {shown} | {field.description} |")
    return "\n".join(lines)


def test_every_key_is_on_the_page():
    marked = re.search(r"<!-- keys -->\n(.*)\n<!-- /keys -->", PAGE, re.S)
    assert marked
    assert marked[1] == table_of_keys(), table_of_keys()


def test_the_example_of_the_file_is_one():
    values = yaml.load(blocks("yaml")[1], Loader=yaml.BaseLoader)
    assert described(values).classes == LABELS


def test_every_option_of_the_page_is_one():
    from medtail.benchmark.cli import data_add

    told = Path(data_add.__file__).read_text()
    for option in set(re.findall(r"`--([a-z-]+)", PAGE)) - {"help"}:
        assert f"--{option}" in told or f"    {option.replace('-', '_')}: Annotated" in told, option


@pytest.fixture
def place(tmp_path):
    """A working folder with what the page takes for granted."""
    head, *rows = csv.reader(blocks("text")[0].splitlines(), delimiter=";")
    assert head == ["file", "Patient ID", "age", "diagnosis"]
    table = []
    for n in range(90):
        name = f"images/{n:04d}.png"
        write_image(tmp_path / "clinic" / name, n, 6 * (n % 3))
        table.append((name, f"P-{n // 3:04d}", 20 + n % 50, LABELS[n % 3]))
    assert len(rows[0]) == len(table[0])
    with (tmp_path / "clinic/cases.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows([head, *table])
    for n in range(3):
        write_image(tmp_path / f"clinic/new/{n}.png", 200 + n)
    for n in range(40):
        write_image(tmp_path / f"folders/{'ab'[n % 2]}/{n}.png", 300 + n)
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "cells.npz",
        **{
            f"{s}_images": rng.integers(0, 255, (20, 16, 16), np.uint8)
            for s in ("train", "val", "test")
        },
        **{f"{s}_labels": np.arange(20) % 2 for s in ("train", "val", "test")},
    )
    scans(tmp_path / "scans")
    (tmp_path / "skin.yaml").write_text(blocks("yaml")[0])
    (tmp_path / "elsewhere.py").write_text(blocks("python")[0])
    return tmp_path


def scans(folder):
    """Images of 16 bits that a Parquet table knows by name, and a column for each class."""
    import pyarrow as pa
    from pyarrow import parquet as pq

    (folder / "files").mkdir(parents=True)
    for n in range(45):
        shade = np.random.default_rng(n).integers(0, 4096, (16, 16)).astype(np.uint16)
        Image.fromarray(shade).save(folder / f"files/s{n}.png")
    columns = {c: [int(n % 3 == k) for n in range(45)] for k, c in enumerate(("mel", "nv", "bcc"))}
    pq.write_table(
        pa.table({"scan_id": [f"s{n}" for n in range(45)], **columns}), folder / "list.parquet"
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_run(place):
    programs = f"{commands.programs_in(place / '.venv/bin')}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": programs, "WANDB_MODE": "disabled", "COLUMNS": "200"}
    environment["MEDTAIL_CACHE"] = str(place / "cache")
    done = subprocess.run(
        ["bash", "-euxc", "".join(blocks("sh"))],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    for told in (
        "# skin@natural: Skin, our clinic",
        "- groups: 30 of 90 images",
        "18 to run",
        "ldam against erm on skin@lt3",
        "3 images -> new.csv",
        "Thumbnails: beside the rows of runs/leaderboards/skin@lt3.md",
        "# chest@natural",
        "# cells@natural",
        "# scans@natural",
    ):
        assert told in done.stdout, told + done.stdout[-6000:]
    assert "Thumbnails" in (place / "runs/leaderboards/skin@lt3.md").read_text()
    kept = b"".join(p.read_bytes() for p in (place / "runs").rglob("*.*") if p.is_file())
    assert b"P-0007" not in kept + (place / "splits.csv").read_bytes()


@pytest.mark.slow
def test_what_the_page_shows_is_what_is_said(place):
    words = ("data", "add", "clinic/cases.csv", "--name", "skin")
    environment = {**os.environ, "MEDTAIL_CACHE": str(place / "cache")}
    done = commands.run(*words, cwd=place, env=environment)
    assert done.returncode == 2
    shown = " ".join(re.findall(r"^```\n(medtail: .*?)^```$", PAGE, re.M | re.S)[0].split())
    assert done.stderr.strip().replace(f"{place}/", "") == shown
