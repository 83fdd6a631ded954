"""A small version of docs/coverage.md: intervals hold as often as they say."""

import pytest

from medtail.benchmark.boards import replicates
from tests import few
from tools.coverage.measure import measure


@pytest.mark.slow
@pytest.mark.parametrize(
    ("track", "boards", "kinds"),
    few(
        [
            ("active", 25, {"rare_accuracy_area", "rare_accuracy_area, paired", "rank"}),
            ("few_shot", 25, {"episode_auc", "episode_auc, paired", "rank"}),
            ("one_class", 15, {"auroc", "auroc, paired", "rank"}),
        ],
        ("active", 25, {"rare_accuracy_area", "rare_accuracy_area, paired", "rank"}),
    ),
)
def test_intervals_hold(track, boards, kinds, monkeypatch):
    """Over all worlds together, whose shares err by a point or two at so few boards."""
    for name in ("REPLICATES", "FITS"):
        monkeypatch.setattr(replicates, name, 0)  # what ``measure`` sets is taken back
    lines = measure(boards, (track,))
    assert kinds <= {line.kind for line in lines}
    for kind in kinds:
        shares = [line.held for line in lines if line.kind == kind]
        mean = sum(shares) / len(shares)
        assert 0.91 < mean < (1.0001 if kind == "rank" else 0.985), (kind, mean)
        assert min(shares) > 0.8, (kind, shares)
