"""DICOM files from a table to a board: read by a window, split by patient, and nobody is named."""

import numpy as np
import pytest
from pyarrow import parquet
from typer.testing import CliRunner

from medtail.benchmark.cli.main import app
from medtail.datamodules.core.errors import DataError, MedtailError
from tests.datamodules.core.pixels.dicoms import PERSON, write_dicom
from tests.twins import write_csv

WORDS = [word for name, word in PERSON.items() if name != "PatientID"]


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """60 slices of 30 patients in two classes."""
    monkeypatch.setenv("MEDTAIL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    rng, rows = np.random.default_rng(0), []
    (tmp_path / "scans").mkdir()
    for n in range(60):
        pixels = rng.normal(200 * (n % 2), 300, (20, 24)).clip(-1024, 3000).astype(np.int16)
        path = write_dicom(
            tmp_path / f"scans/{n:02d}.dcm", pixels, PatientID=f"patient-{n // 2}",
            WindowCenter=40, WindowWidth=400,
        )  # fmt: skip
        rows.append((f"scans/{path.name}", "ab"[n % 2]))
    write_csv(tmp_path / "scans.csv", ("image", "label"), rows)
    return tmp_path


def add(folder, *words):
    table = str(folder / "scans.csv")
    return CliRunner().invoke(
        app, ["data", "add", table, "--name", "ct", "--size", "16", "--channels", "1", *words]
    )


def test_a_window_is_asked_for_in_one_line(scans):
    result = add(scans)
    assert isinstance(result.exception, DataError)
    text = str(result.exception)
    assert "16 bits" in text
    assert "p1-p99" in text
    assert "\n" not in text
    for words in (("--window", "lung"), ("--window", "9,1"), ("--frame", "-1")):
        assert isinstance(add(scans, *words).exception, MedtailError)
    assert not (scans / "data" / "ct").exists()


@pytest.mark.slow
@pytest.mark.parametrize("window", ["file", "-160,240", "p1-p99"])
def test_from_files_to_a_board_nobody_is_named(scans, window):
    result = add(scans, "--window", window)
    assert result.exit_code == 0, result.output
    assert "groups: 30 of 60 images" in result.stdout
    assert "PatientID of the DICOM files" in result.stdout
    (scans / "s.yaml").write_text(
        "methods: [erm]\ndata: [ct@natural]\nseeds: [0]\nimage_size: 16\nbudget: {epochs: 1}\n"
    )
    ran = CliRunner().invoke(
        app,
        ["bench", str(scans / "s.yaml"), "--out", str(scans / "r"), "--launcher", "inline",
         "--leaderboards", str(scans / "b"), "--wandb", "disabled"],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    written = [p for top in "rb" for p in (scans / top).rglob("*") if p.is_file()]
    tables = [p for p in written if p.suffix == ".parquet"]
    assert tables
    texts = [str(parquet.read_table(p).to_pydict()) for p in tables]
    texts += [p.read_bytes().decode("latin1") for p in written]
    texts += [result.stdout, ran.output, (scans / "data/ct/dataset.yaml").read_text()]
    for text in texts:
        assert "patient-" not in text
        assert not [word for word in WORDS if word in text]
