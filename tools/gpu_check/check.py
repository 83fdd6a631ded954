"""What medtail does on an NVIDIA GPU, in one run of at most 8 minutes: ``tools/gpu_check.sh``.

Parts, in this order: facts of the machine, ``tests/gpu``, images a second, cells packed on the GPU,
DAML at its paper's length. Each ends by the clock and writes what it has at once into ``gpu.json``.

    python tools/gpu_check/check.py --page gpu.json [more.json] > docs/gpu.md  # of one call or more

This process imports neither torch nor medtail: it starts others, and reads a JSON line at a time.
"""

import argparse
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml
from page import page
from run import Command, Ended, Log, Watch, follow

HERE = Path(__file__).resolve().parent
TOTAL = 465  # seconds from the start of the shell script: the command may take 480
LAST = "learning"
PARTS = {"facts": 40, "tests": 80, "pace": 100, "packed": 95, LAST: 0}  # the last: what is left
TINY = {"facts": 60, "tests": 200, "pace": 75, "packed": 150, LAST: 120}
PACKED, PACKED_TINY = (1, 8, 4, 2, 16), (1, 2)
VERDICT = re.compile(r"^(?:\S*/)?test_\w+\.py::(\S+) (PASSED|FAILED|ERROR|SKIPPED)")


def worker(script: str, *words: object) -> Command:
    """A Python process of one of the scripts beside this one."""
    return [sys.executable, str(HERE / f"{script}.py"), *map(str, words)]


class Check:
    """One run.

    Args:
        arguments: of the command line.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.tiny: bool = arguments.tiny
        self.work, self.started = Path(arguments.work), arguments.started or time.time()
        self.log = Log(Path(arguments.out) / "gpu.json")
        self.errors = Path(arguments.out) / "log.txt"
        self.errors.write_text("")
        self.watch = Watch()
        self.size = ["--tiny"] if self.tiny else []
        self.log.put("run", tiny=self.tiny, commit=arguments.commit)

    def follow(self, commands: dict[str, Command], until: float, hear: Any) -> dict[str, Ended]:  # noqa: ANN401
        """See ``run.follow``."""
        return follow(commands, until, hear, self.errors)

    def _note(self, line: str) -> None:
        with self.errors.open("a") as file:
            file.write(line)

    def facts(self, until: float) -> None:
        """The machine."""
        self.follow(
            {"facts": worker("pace", "--facts")},
            until,
            lambda _, line: self.log.put("facts", **json.loads(line)),
        )
        if self.watch.samples:  # the first is of before anything ran
            self.log.put("facts", idle_gpu_mib=round(self.watch.samples[0][2]))

    def tests(self, until: float) -> None:
        """``tests/gpu``: a verdict each as it comes, then the numbers that the tests noted."""
        found: list[dict[str, Any]] = []
        reasons: list[str] = []

        def hear(_: str, line: str) -> None:
            if match := VERDICT.match(line):
                found.append({"name": match[1], "verdict": match[2].lower()})
            elif line.startswith(("FAILED ", "ERROR ", "SKIPPED ")):
                reasons.append(line.strip()[:300])
            else:
                self._note(line)
            self.log.put("tests", found=found, reasons=reasons)

        report = self.work / "tests.xml"
        words = ["-vv", "-rfEs", "--tb=short", "-ojunit_family=xunit1", "tests/gpu"]
        command = [sys.executable, "-m", "pytest", *words]
        ends = self.follow({"tests": [*command, f"--junitxml={report}"]}, until, hear)
        self.log.put("tests", ended=ends["tests"])
        if not report.exists():
            return
        for case in ElementTree.parse(report).iter("testcase"):
            for entry in found:
                if entry["name"] == case.get("name"):
                    entry["seconds"] = float(case.get("time", "nan"))
                    notes = {p.get("name"): p.get("value") for p in case.iter("property")}
                    entry["notes"] = notes
        self.log.put("tests", found=found)

    def pace(self, until: float) -> None:
        """Images a second, with the GPU's busy share in the same window."""
        rows: list[dict[str, Any]] = []

        def hear(_: str, line: str) -> None:
            row = json.loads(line)
            if "from" in row:
                row |= self.watch.between(row.pop("from"), row.pop("until"))
            rows.append(row)
            self.log.put("pace", rows=rows)

        ends = self.follow({"pace": worker("pace", "--until", until - 2, *self.size)}, until, hear)
        self.log.put("pace", ended=ends["pace"])

    def packed(self, until: float) -> None:
        """Cells an hour, so many processes at a time, each with one cell."""
        epochs, data = (1, "phantom@natural") if self.tiny else (5, "isic2018@natural")
        suite = self.work / "packed.yaml"
        budget = {"epochs": epochs, "batch_size": 128, "optimizer": "adamw", "lr": 0.003}
        terms = {"image_size": 28, "backbone": "test_resnet", "budget": budget}
        entry = {"name": data, "params": {"count": 400}} if self.tiny else data
        grid = {"methods": ["erm"], "data": [entry], "seeds": list(range(16))}
        suite.write_text(yaml.safe_dump({"title": "packed", **grid, **terms}))
        self.log.put("packed", suite={**grid, **terms}, rows=[])
        rows: list[dict[str, Any]] = []
        longest = 0.0
        for amount in PACKED_TINY if self.tiny else PACKED:
            if time.time() + 1.15 * longest > until:
                rows.append({"at_a_time": amount, "reached": False})
            else:
                rows.append(self._pack(suite, amount, until))
                longest = max(longest, rows[-1]["seconds"])
            self.log.put("packed", rows=rows)

    def _pack(self, suite: Path, amount: int, until: float) -> dict[str, Any]:
        folders = {str(seed): self.work / f"packed-{amount}-{seed}" for seed in range(amount)}
        words = ["--launcher", "inline", "--wandb", "disabled"]
        commands: dict[str, Command] = {
            seed: [
                *(sys.executable, "-m", "medtail", "bench", str(suite), *words, "--seed", seed),
                *("--out", str(folder), "--leaderboards", str(folder / "boards")),
            ]
            for seed, folder in folders.items()
        }
        began = time.time()
        ends = self.follow(commands, until, lambda _, line: self._note(line))
        seconds = time.time() - began
        paths = [p for f in folders.values() for p in f.glob("cells/*/*/record.json")]
        records = [json.loads(path.read_text()) for path in paths]
        costs = [r["cost"] for r in records if r["status"] == "ok"]
        whole = all(end["status"] == 0 for end in ends.values()) and len(costs) == amount
        return {
            "at_a_time": amount,
            "reached": whole,
            "cells": len(costs),
            "seconds": round(seconds, 2),
            "cell_seconds": [cost["seconds"] for cost in costs],
            "train_seconds": [cost["train_seconds"] for cost in costs],
            "images": [cost["images"] for cost in costs],
            "devices": sorted({cost["device"] for cost in costs}),
            "reasons": sorted({r["reason"] for r in records if r["reason"]}),
            **self.watch.between(began, began + seconds),
        }

    def learning(self, until: float) -> None:
        """DAML with 1, 3 and 5 shots side by side; MAML after it where the time allows."""
        began = time.time()
        said: dict[str, dict[str, Any]] = {}

        def hear(name: str, line: str) -> None:
            said.setdefault(name, {}).update(json.loads(line))
            self.log.put(LAST, cells=said)

        for method in ("daml", "maml"):
            now = time.time()
            if method == "maml" and until - now < 0.9 * (now - began):
                break
            words = [*self.size, "--until", until - 3, "--method", method]
            commands = {
                f"{method} {shots}": worker("learn", *words, "--data", f"isic2018@shot{shots}")
                for shots in (1, 3, 5)
            }
            ends = self.follow(commands, until, hear)
            for name, end in ends.items():
                said.setdefault(name, {})["ended"] = end
            self.log.put(LAST, cells=said, **{f"{method}_machine": self.watch.between(now)})

    def run(self, parts: list[str], total: float) -> None:
        """Every part; what goes wrong in one is told, and the next begins."""
        whole = self.started + (sum(TINY.values()) if self.tiny else total)
        self.watch.start()
        drawn: list[dict[str, Any]] = []

        def hear(_: str, line: str) -> None:
            drawn.append(json.loads(line))
            self.log.put("drawing", images=drawn)

        drawing = follow(
            {"draw": worker("pace", "--draw", *self.size)}, whole, hear, self.errors, 1
        )
        try:
            for name in parts:
                seconds = (TINY if self.tiny else PARTS)[name] or whole
                began = time.time()
                try:
                    getattr(self, name)(min(whole, began + seconds))
                except Exception as error:  # the parts after it still count
                    self.log.put(name, error=f"{type(error).__name__}: {error}"[:500])
                took = round(time.time() - began, 1)
                self.log.put(name, seconds=took)
                sys.stdout.write(f"gpu_check: {name}: {took} s\n")
        finally:
            for end in drawing.values():
                end["stop"]()
        self.log.put("run", seconds=round(time.time() - self.started, 1))


def main() -> None:
    """Run the parts, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--page", type=Path, nargs="+", metavar="JSON", help="write docs/gpu.md from these"
    )
    parser.add_argument("--tiny", action="store_true", help="seconds a part, small images")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, in order")
    parser.add_argument("--seconds", type=float, default=TOTAL, help="of everything")
    for name in ("--out", "--work", "--commit"):
        parser.add_argument(name, default="")
    parser.add_argument("--started", type=float, default=0, help="seconds since the epoch")
    arguments = parser.parse_args()
    if arguments.page:
        calls = [json.loads(path.read_text()) for path in arguments.page]
        found = {name: part for call in reversed(calls) for name, part in call.items()}
        sys.stdout.write(page(found, [call.get("run", {}) for call in calls]))
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what it started ends with it
    Check(arguments).run(arguments.parts.split(","), arguments.seconds)


if __name__ == "__main__":
    main()
