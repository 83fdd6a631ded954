"""How often the intervals of the boards hold, by simulation with a known truth; docs/coverage.md.

    .venv/bin/python -m tools.coverage --write docs/coverage.md  # some ten minutes of one core

A world is a table of rows (methods) whose true scores are known; a board is one draw of its test
set and of S trainings of each row. All that is printed about a board comes of the functions that
boards, ``compare`` and ``score`` use: predictions in, intervals out. A world says how much the
trainings vary beside the test set, and how unlike the rows are in this.

A module makes the boards of a track:

- *Long tail*: 6 rows, 3 classes with 150, 60 and 20 test groups of one or two images. An image has
  a difficulty that all rows share, one of each row, and one of each training; a training moves the
  offsets of the classes.
- *One-class*: 6 rows, 120 given and 60 abnormal images of two classes.
- *Few-shot*: 5 rows, 100 episodes of two classes and ten queries; episodes differ in difficulty.
- *Active*: 17 rows, of which only the trainings vary.

``spread`` is the standard deviation between trainings over the standard error of the test set; in
``unlike`` worlds the rows' variances follow a scaled inverse chi-squared law of 4 degrees.
"""
