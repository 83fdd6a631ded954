"""Predictions of one abnormality score an image."""

import numpy as np

from medtail.benchmark.evidence.predictions import Predictions


def predictions(scores, source):
    source = np.array(source)
    ids = np.array([f"i{n}" for n in range(len(source))])
    logits = np.stack([np.zeros(len(source)), scores], 1)
    target = (source != 1).astype(np.int64)
    return Predictions.of(ids, ids, target, logits, source_class=source)
