"""docs/features.md: its example with timm gives a file that a suite takes."""

import re
import sys

from medtail.benchmark.grid.features import found
from medtail.benchmark.grid.files import load
from tests import ROOT


def test_the_example_with_timm_makes_features_that_a_suite_takes(tmp_path, monkeypatch):
    page = (ROOT / "docs/features.md").read_text()
    example = next(
        code for code in re.findall(r"```python\n(.*?)```", page, re.S) if "timm" in code
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEDTAIL_CACHE", str(tmp_path / "cache"))
    small = example.replace('"phantom@natural", 64', '"phantom@natural", 32, count=110')
    assert small != example
    exec(compile(small, "features.md", "exec"), {"__name__": "example"})
    features = found("resnet18.parquet")
    assert (features.model, features.views) == ("resnet18 of timm", 1)
    (tmp_path / "mine.yaml").write_text(
        "methods: [erm]\ndata: [{name: phantom@natural, params: {count: 110}}]\nimage_size: 32\n"
        "features: resnet18.parquet\n"
    )
    (cell,) = load("mine.yaml").cells()
    assert cell.terms.backbone == "resnet18 of timm"
    assert cell.terms.augment == "none"
    assert "transformers" not in sys.modules
