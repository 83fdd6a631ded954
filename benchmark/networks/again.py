"""The test predictions of a network's record, made again by the network that was kept."""

from medtail.datamodules.core.base import ImageDataModule

from ..evidence.predictions import Predictions
from ..tracks import episodic, one_class, supervised
from .network import Network


def remade(network: Network, data: ImageDataModule) -> Predictions:
    """What the record of a network was computed from, to the last bit on the same kind of machine.

    Args:
        network: as loaded.
        data: that of its cell, prepared.
    """
    cell, method, normality = network.about.cell, network.method, network.about.normality
    data.dtype = network.dtype
    if normality is not None:
        raw = one_class.scores(method, data, "test")
        return one_class.predictions(data, "test", raw, normality)
    if network.about.spec.track == "few_shot":
        episodes = data.test_episodes(cell.terms.test_episodes)
        logits = episodic.judge(method, data, episodes, cell.seed, lambda _: None)
        return episodic.predictions(data, episodes, logits)
    return supervised.predict(method, data, "test")
