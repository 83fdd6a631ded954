"""What trains a stage beyond the optimiser of its table, in words."""

from medtail.methods.core.base import Recipe, Stage


def own_optimizers(stage: Stage) -> str:
    """What a stage is trained with beyond the suite's optimiser, in words; empty for nothing."""
    found = [_words(stage.recipe)] if stage.recipe else []
    for one in stage.apart:
        recipe = one.recipe or stage.recipe
        how = _words(recipe) if recipe else "the suite's optimiser"
        how += f" at {one.rate:g} times its rate" if one.rate != 1 else ""
        rhythm = ", a step an epoch" if one.every == "epoch" else ""
        found.append(f"{' and '.join(one.names)} by {how}{rhythm}")
    return "; ".join(found)


def _words(recipe: Recipe) -> str:
    momentum = recipe.momentum if recipe.beta1 is None else recipe.beta1
    return f"{recipe.optimizer} lr {recipe.lr:g}, momentum {momentum:g}"
