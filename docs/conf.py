"""`make docs`: the Markdown of the repository and the API of the public face, as a site.

The root of the repository is the source folder, so a link from page to page is what it is on the
forge, and a link to any other file gives a copy of it. A link that leads nowhere is a warning, and
warnings are errors.
"""

import shutil
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]

project, release = "medtail", metadata.version("medtail")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "leaderboards/*.md"]
exclude_patterns = [".*", "build", "data", "dist", "runs", "site", "wandb"]

myst_heading_anchors = 4
autodoc_member_order = "bysource"
napoleon_use_ivar = True
napoleon_custom_sections = [("Class attributes", "Attributes")]

html_theme = "pydata_sphinx_theme"
html_title = f"medtail {release}"
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"**": ["page-toc"]}
    | {f"leaderboards/{page.stem}": [] for page in ROOT.glob("leaderboards/*@*.md")},
    "footer_start": [],
    "footer_end": [],
}
html_static_path, html_css_files = ["static"], ["site.css"]
html_context = {"default_mode": "auto"}
html_show_search_summary = False  # a page opened from disk may not read the others
html_show_sourcelink = html_copy_source = False

# What the menu has below a page, by caption.
MENU = {
    "README": {
        "Pages": "docs/README docs/cards/README leaderboards/README docs/api "
        "CONTRIBUTING CHANGELOG SECURITY",
    },
    "docs/README": {
        "Notes": " ".join(
            f"docs/{page.stem}"
            for page in sorted(ROOT.glob("docs/*.md"))
            if page.stem not in ("README", "api")
        ),
    },
    "docs/cards/README": {"Methods": "docs/cards/methods/*", "Datasets": "docs/cards/data/*"},
    "leaderboards/README": {"Boards": "leaderboards/*@*"},
}
# Pages with none beside them need no menu at their side.
html_sidebars = {page: [] for page in MENU["README"]["Pages"].split() if page not in MENU} | {
    "README": []
}


def add_menu(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the menu below a page to its text; the forge has no use for it."""
    for caption, names in MENU.get(page, {}).items():
        lines = "\n".join(f"/{name}" for name in names.split())
        options = f":hidden:\n:glob:\n:caption: {caption}"
        source[0] += f"\n\n```{{toctree}}\n{options}\n\n{lines}\n```\n"


def add_front(app: Sphinx, error: Exception | None) -> None:
    """Give the front page the name that is opened without one."""
    if not error:
        shutil.copy(Path(app.outdir) / "README.html", Path(app.outdir) / "index.html")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_menu)
    app.connect("build-finished", add_front)
