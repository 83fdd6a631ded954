"""Of ``gpu_check``: facts of the machine, images drawn, images a second; a JSON line each."""

import argparse
import json
import os
import platform
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from run import driver
from sides import DEVICE, measure, terms_of

from medtail import __version__ as ours
from medtail.benchmark.execution import provenance, worker
from medtail.benchmark.grid.cell import Terms
from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.loading.machine import FEW

EPOCH = 7000  # images of an epoch at least, as HAM10000's train: smaller data is repeated
BACKBONES = ("resnet18", "resnet50")
PACKAGES = ("lightning", "timm", "torchvision", "torchmetrics", "albumentations", "numpy")


def say(**values: object) -> None:
    """A JSON line."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def facts() -> dict[str, object]:
    """What this machine is."""
    on_gpu = DEVICE.type == "cuda"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = {"medtail": ours, "torch": torch.__version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return {
        "gpu": torch.cuda.get_device_name() if on_gpu else None,
        "gpu_gib": round(torch.cuda.mem_get_info()[1] / 2**30, 1) if on_gpu else None,
        "driver": driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "processor": provenance.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.release()}",
        "versions": versions,
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
    }


def sizes(tiny: bool) -> tuple[int, ...]:
    """Pixels; those that matter most first, as the clock may end the rest."""
    return (16, 32) if tiny else (28, 224, 128)


def prepared(terms: Terms) -> ImageDataModule:
    """The data, repeated to the length of an epoch."""
    data = worker.prepared(terms)
    rows = data.plan.train
    if len(rows) < EPOCH:
        data.keep(np.tile(rows, -(-EPOCH // len(rows))))
    return data


def draw(size: int, tiny: bool) -> dict[str, object]:
    """Fill the image cache of a size."""
    started, terms = time.time(), terms_of(size, BACKBONES[0], tiny)
    path: Path = worker.prepared(terms).store.path
    seconds = round(time.time() - started, 1)
    return {"data": terms.data, "size": size, "seconds": seconds, "mib": path.stat().st_size >> 20}


def paces(until: float, tiny: bool) -> None:
    """Round after round over all sizes, networks and sides, until time is up."""
    several = 2 if tiny else max(2, len(os.sched_getaffinity(0)) - 4)
    sides = [(side, workers) for workers in (several, 0) for side in ("medtail", "bare")]
    sides.insert(1, ("medtail there", min(several, FEW)))
    ceilings = [("gpu", 0), ("gpu, channels-last", 0)]
    for number in range(1 if tiny else 3):
        for size in sizes(tiny):
            for backbone in ("test_resnet",) if tiny else BACKBONES:
                terms = terms_of(size, backbone, tiny)
                # The images do not depend on the network.
                data = prepared(terms_of(size, BACKBONES[0], tiny))
                for side, workers in sides + (ceilings if number == 0 else []):
                    if time.time() > until - 3:
                        return
                    row = {
                        "data": terms.data,
                        "size": size,
                        "backbone": backbone,
                        "batch": terms.budget.batch_size,
                        "precision": terms.budget.precision,
                        "round": number,
                        "side": side,
                        "workers": workers,
                    }
                    try:
                        say(**row, **measure(side, workers, terms, data))
                    except Exception as error:  # the others still count
                        say(**row, error=f"{type(error).__name__}: {error}"[:300])


def main() -> None:
    """Print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", action="store_true")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--until", type=float, default=0, help="no measurement begins after it")
    arguments = parser.parse_args()
    if arguments.facts:
        say(**facts())
    elif arguments.draw:
        with ProcessPoolExecutor(3, get_context("spawn")) as pool:
            for done in [pool.submit(draw, s, arguments.tiny) for s in sizes(arguments.tiny)]:
                say(**done.result())
    else:
        paces(arguments.until, arguments.tiny)


if __name__ == "__main__":
    main()
