"""A dataset under a regime as plain tables: which image is trained, validated and tested on.

Everything that another code base needs to train on the very same images: no pixels, no paths.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from .base import ImageDataModule
from .errors import DataError
from .table import SPLITS

COLUMNS = ("id", "label", "target", "group", "split", "kept")
EPISODE_COLUMNS = ("episode", "part", "id", "label", "target")


def listing(module: ImageDataModule) -> str:
    """CSV of every image, in the table's order.

    The rows with ``kept`` of a split are those that the module gives of it. ``label`` is a class of
    the dataset and ``target`` the number that the regime gives it, ``group`` what must not be torn
    apart (the id, where nothing is known). ``split`` is ``train``, ``val``, ``test`` or
    ``excluded``; few-shot tests rare images of every split, so that theirs is ``test``. ``role``,
    where a regime has some: few-shot ``common`` or ``rare``; one-class ``given`` or ``abnormal``;
    active ``start``, ``pool``, ``query`` or, outside of them, empty.

    Args:
        module: a dataset; arranged here where it is not.
    """
    module.arrange()
    table, split = module.table, module.split.tolist()
    kept = [False] * len(table)
    for name in SPLITS:
        for row in module.rows(name).tolist():
            split[row], kept[row] = name, True
    label = [module.class_names[k] for k in table.target.tolist()]
    group = table.group if table.group is not None else table.id
    columns: list[Iterable[object]] = [table.id, label, module.target, group, split, kept]
    role = _roles(module)
    head = (*COLUMNS, "role") if role else COLUMNS
    return _csv(head, zip(*columns, *([role] if role else []), strict=True))


def _roles(module: ImageDataModule) -> list[str]:
    """What each image is to the regime; empty in the long tail, which has no such thing."""
    plan, target = module.plan, module.target.tolist()
    if plan.track == "few_shot":
        return ["rare" if k >= len(plan.class_names) else "common" for k in target]
    if plan.track == "one_class":
        return ["abnormal" if k else "given" for k in target]
    if plan.track != "active":
        return []
    role = [""] * len(target)
    for name, rows in (("start", plan.train), ("pool", plan.pool), ("query", plan.query)):
        for row in rows.tolist():
            role[row] = name
    return role


def episodes(module: ImageDataModule, amount: int) -> str:
    """CSV of the first episodes of the frozen test list, which all methods are scored on.

    ``part`` is ``support`` or ``query``, ``target`` the label within the episode.

    Args:
        module: a few-shot dataset; arranged here where it is not.
        amount: of episodes.

    Raises:
        DataError: its regime has no episodes.
    """
    module.arrange()
    shape = module.plan.episodes
    if shape is None:
        raise DataError(f"{module.name} has no episodes: take a regime such as shot5")
    names, known = module.plan.names, module.target
    rows = [
        (number, "support" if place < shape.support else "query", module.table.id[row], label, k)
        for number, episode in enumerate(module.test_episodes(amount))
        for place, (row, k) in enumerate(zip(episode.rows, episode.target.tolist(), strict=True))
        for label in [names[known[row]]]
    ]
    return _csv(EPISODE_COLUMNS, rows)


def _csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(head)
    out.writerows(rows)
    return file.getvalue()


def splits_of(module: ImageDataModule) -> dict[str, str]:
    """The split of every image by id, before copies are excluded; reads no pixels."""
    module._read()
    return dict(zip(module.table.id.tolist(), module.split.tolist(), strict=True))
