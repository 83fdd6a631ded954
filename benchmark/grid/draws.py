"""Which draw of the split a seed has, and its folds."""

from collections.abc import Iterator

from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting.regimes import track

from .cell import Terms

NO_FOLDS = {
    "few_shot": "its test has the rare images of all splits already",
    "active": "its rounds are scored one by one, which no pooled row can be",
}


def with_draws(terms: Terms, seeds: tuple[int, ...]) -> Iterator[tuple[int, Terms]]:
    """Every seed with the terms of its draw, fold after fold.

    Raises:
        MedtailError: draws that do not divide the seeds, folds that make no row, or a training
            that cannot end as asked.
    """
    data, draws, folds = terms.data, terms.draws, terms.folds
    if len(seeds) % draws:
        raise MedtailError(
            f"{data}: draws: {draws} does not divide {len(seeds)} seeds, which take the draws in "
            "turn: give each draw as many seeds"
        )
    kind = track(DataName.parse(data).regime)
    if folds == 1 or (folds and kind in NO_FOLDS):
        why = NO_FOLDS[kind] if folds > 1 else "of one fold nothing is left to train on"
        raise MedtailError(f"{data}: folds: {folds}: {why}: leave folds out")
    if terms.budget.until and kind not in ("long_tail", "active"):
        raise MedtailError(
            f"{data}: budget.until: nothing is classified in the {kind.replace('_', '-')} track's "
            "trainings that would tell when to end them: leave until out"
        )
    for number, seed in enumerate(seeds):
        for fold in range(1, folds + 1) if folds else (0,):
            yield seed, terms.model_copy(update={"draw": number % draws, "fold": fold})
