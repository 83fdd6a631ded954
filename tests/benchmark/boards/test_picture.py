"""What stands on a board's picture stands within it."""

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from medtail.benchmark.boards import picture
from medtail.benchmark.boards.section import sections
from tests.boards import done

LONG = "96 x 96 px, " + "pixels from -1 to 1, of a network with a long name, " * 6


@pytest.mark.parametrize("lines", [["short"], [LONG, "adamw lr 0.001"]])
def test_terms_however_long_stay_within_the_picture_and_below_its_title(lines):
    (section,) = sections([done(m, s)[0] for m in ("erm", "focal") for s in (0, 1)])
    figure = picture._tables("fake@natural", [(section, lines)])
    FigureCanvasAgg(figure).draw()
    title, terms, foot = figure.texts
    assert terms.get_text().replace("\n", " ").split() == " ".join(lines).split()
    whole = figure.bbox
    for text in (title, terms, foot):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert box.y1 <= whole.y1
    assert terms.get_window_extent().y1 <= title.get_window_extent().y0
    above = max(axes.get_tightbbox().y1 for axes in figure.axes)
    assert above <= terms.get_window_extent().y0
