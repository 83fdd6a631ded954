"""A Trainer of one's own, over data that are quick."""

import lightning as L

import medtail
from medtail import methods
from tests.methods.few_shot import QUICK


def data_of(slug, **arguments):
    data = medtail.build_data(slug, 16, **{"count": 700, "batch_size": 24} | arguments)
    data.prepare()
    return data


def trainer(*callbacks, **arguments):
    usual = {
        "max_epochs": 1,
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "limit_train_batches": 2,
        "limit_val_batches": 1,
    }
    return L.Trainer(callbacks=list(callbacks), **usual | arguments)


def built(name, data):
    L.seed_everything(3, verbose=False)
    return methods.build(name, data.spec, **QUICK.get(name, {}))


class Seen(L.Callback):
    """Keeps the training batches."""

    def __init__(self):
        self.batches = []

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.batches.append(batch)
