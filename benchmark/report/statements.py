"""All that a report says of a table, by topic: what the text and the lists of items are made of."""

from dataclasses import dataclass

from medtail.datamodules.core.base import ImageDataModule
from medtail.datamodules.core.contract import Track
from medtail.datamodules.core.names import DataName

from ..boards.columns import column
from . import cohort, measures, training
from .marked import code, listed
from .references import Library, of_data, of_medtail
from .sources import Table, module_of

PARTS = {
    "Data": ("source", "classes", "partition"),
    "Images and network": ("images", "network", "predictors"),
    "Training": ("training", "selection", "seeds", "compared"),
    "Metrics": ("metrics", "output"),
    "Statistics": ("uncertainty", "differences", "multiplicity"),
    "Smallest difference": ("smallest",),
    "Software and hardware": ("software",),
    "Not in the records": ("gaps",),
}
OUTPUT: dict[Track, str] = {
    "long_tail": "A network gave a probability of each class, and the class with the highest one "
    "was taken; no threshold was chosen but those that a metric names.",
    "active": "A network gave a probability of each class, and the class with the highest one was "
    "taken.",
    "few_shot": "A network gave a probability of each class of an episode, and the class with the "
    "highest one was taken.",
    "one_class": "A network gave a score, which is higher for what is more abnormal; its threshold "
    "was chosen on given images of validation alone.",
}


@dataclass(frozen=True)
class Told:
    """A table and its sentences.

    Attributes:
        table: the table.
        topics: sentences, with marks, by topic.
    """

    table: Table
    topics: dict[str, list[str]]

    def text(self, *topics: str) -> str:
        """Several topics as one paragraph."""
        return " ".join(line for topic in topics for line in self.topics[topic])


def told(table: Table, library: Library) -> Told:
    """What there is to say of a table with a finished row; its references get into the library."""
    section, standing, name = table.section, table.standing, DataName.parse(table.slug)
    module = module_of(table.slug)
    data = library.add(of_data(module.citation) if module else [], name.dataset.replace("_", ""))
    names = sorted({training.method_of(r) for r in section.rows})
    keys = {method: library.of(method) for method in names}
    versions = (r.provenance.versions.get("medtail", "") for r in table.done if r.provenance)
    software = library.add([of_medtail(cohort.unique(versions))])
    optimised = training.optimisation(section)
    different = measures.differences(section, standing)
    return Told(
        table,
        {
            "source": cohort.source(table, module, data),
            "classes": cohort.classes(table),
            "partition": cohort.partition(table),
            "images": cohort.images(section.terms, table.done),
            "network": training.network(section.terms, table.done),
            "predictors": ["The networks were given the images and nothing else."],
            "training": optimised[:2],
            "selection": optimised[2:3],
            "seeds": [*optimised[3:], "Predictions of several seeds were not combined."],
            "compared": training.compared(section, keys),
            "metrics": measures.metrics(section),
            "output": [OUTPUT[section.track]],
            "uncertainty": measures.uncertainty(section, standing),
            "differences": different[:2],
            "smallest": different[2:],
            "multiplicity": measures.multiplicity(code("medtail compare")),
            "software": training.software(table.done, software),
            "internal": [
                f"The test split is of {code(name.source)}, as the training images are: it is an "
                "internal test."
            ],
            "external": ["No network was tested on images of another dataset."],
            "results": [_results(table)],
            "evidence": [
                f"Every number follows from {code(f'records/{table.slug}.jsonl')} and the "
                f"predictions beside it: {len(table.done)} records with settings, digests of data "
                "and code, versions and cost."
            ],
            "gaps": [_gaps(table, module, keys)],
        },
    )


def _results(table: Table) -> str:
    primary = column(table.section.view.primary)
    found = next((r for r in table.section.rows if r.complete and r.stat(primary)), None)
    if found is None:
        return "No row finished all seeds, so that none is ranked; tables.md has what there is."
    value = found.stat(primary)
    known = table.standing.of(found).intervals.get(primary.key)
    scale = 1 if primary.unit == "count" else 100
    interval = f" (95 % interval {100 * known[1]:.1f} to {100 * known[2]:.1f})" if known else ""
    mean = f"{scale * value.mean:.1f}" if value else "n/a"
    return (
        f"The highest mean {primary.words} was that of {code(found.name)}: {mean} %{interval}; "
        "tables.md has all rows with their intervals, and each class."
    )


def _gaps(table: Table, module: ImageDataModule | None, keys: dict[str, list[str]]) -> str:
    """What a reader may ask and nothing here knows."""
    terms, done = table.section.terms, table.done
    lacking = {
        "the title, the licence and the reference of the dataset": module is None,
        "what a group is (patient, lesion, video)": True,
        "the seed and the shares of the split": "split_seed" not in terms.data_params,
        "the size of the validation split": table.held is None,
        "how many test groups there are": table.test is None,
        "which file the pretrained weights came from": terms.pretrained,
        "how the values of hyperparameters were chosen": True,
        "who was included, how images were acquired, and how and by whom they were labelled": True,
        "the recipe of the pixels and the digests of data and code": any(
            r.content is None for r in done
        ),
        "commit and versions": any(not (r.provenance and r.provenance.commit) for r in done),
        "device and cost": any(r.cost is None for r in done),
        f"a reference for {listed([code(m) for m, found in keys.items() if not found])}": not all(
            keys.values()
        ),
    }
    return f"The records do not say: {'; '.join(what for what, so in lacking.items() if so)}."
