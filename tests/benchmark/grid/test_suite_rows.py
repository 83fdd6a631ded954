"""Every row of every suite of ours can be built: a suite that cannot run is found here."""

from dataclasses import replace

from medtail import methods
from medtail.benchmark.grid.files import load, suite_names
from medtail.datamodules.core.errors import MedtailError
from medtail.datamodules.core.names import DataName
from medtail.datamodules.core.splitting.regimes import track
from tests.methods import active, few_shot, long_tail, one_class

SPECS = {
    "long_tail": long_tail.SPEC,
    "few_shot": few_shot.spec(),
    "one_class": replace(one_class.SPEC, modality="dermoscopy"),
    "active": active.SPEC,
}


def test_its_method_takes_its_parameters():
    rows = {
        (cell.method, str(cell.params), track(DataName.parse(cell.terms.data).regime)): (name, cell)
        for name in suite_names()
        for cell in load(name).cells()
    }
    assert len(rows) > 120
    wrong = []
    for (method, _, kind), (name, cell) in rows.items():
        try:
            if not methods.get(method).refuses(SPECS[kind]):
                methods.build(method, SPECS[kind], **cell.params)
        except MedtailError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong
