"""Names that would be obeyed somewhere, and readers of pages that tell whether they were."""

import html.parser
import re

from markdown_it import MarkdownIt

from medtail.datamodules.core.markup import OBEYED

# Of classes, groups, files, titles and rows. What a terminal obeys is below: data may not have it.
NAMES = (
    "[nv]", "[/b] other", "</script><img src=x onerror=alert(1)>", "*bold* `code` <!--", "=cmd()",
    "a $x^2$ \\frac{$", "é中文🙂", "..", "x" * 90, "a/b \"q\" 'r'", "{y} %s %DATA%", "_u_ #1 ~~z~~",
    "-dash :smile:", "[a](b)", "CON", "&lt b", "@SUM(A1)", "+1", "\\input{/etc/passwd}",
    "![i](https://e.vil/x.png)", "<b onclick=alert(1)>bold</b>", "../../up", "|a|b",
    "中" * 100, "%100 & ^a", "'; alert(1);//", "--> ${x} `",
    "\u0645\u0631\u062d\u0628\u0627 right to left",
)  # fmt: skip
OBEYED_BY_TERMINALS = (
    "\x1b[31mred", "\x1b]0;title\x07x", "over\rwritten", "a\x00b", "a\u2028b", "a\nb", "a\tb",
    "\u202egnp.exe", "a\u2066b", "a\x9b31mb", "a\x08b",
)  # fmt: skip
ACTIVE = {"script", "img", "iframe", "svg", "b", "base", "meta", "form", "object"}


class Page(html.parser.HTMLParser):
    """Tags of a page, its text, and what stands in its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.text, self.inside = [], [], "", False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data
        else:
            self.text += data


def rendered(markdown):
    """A page of Markdown as another program shows it, raw HTML allowed."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Page(reader.render(markdown))


def check_markdown(text, names=(), pictures=(), once_folded=True):
    """Nothing of a name is obeyed on a page of Markdown, and each of ``names`` is to be read."""
    assert not OBEYED.search(text)
    page = rendered(text)
    for tag, attrs in page.tags:
        assert not [key for key in attrs if key.startswith("on")], (tag, attrs)
        assert tag not in ACTIVE or (tag == "img" and attrs["src"] in pictures), (tag, attrs)
        for link in (attrs.get("href", ""), attrs.get("src", "")):
            assert link != "b", "the link of a name"
            assert not link.startswith(("javascript:", "https://e.vil")), link
    assert not [tag for tag, _ in page.tags if tag in ("del", "em") and "~~z~~" in names]
    shown = folded(page.text)
    for name in names:
        assert folded(name) in shown, name
    assert not re.search(r"(?<!\\)\$", outside_code(text)), "mathematics, to some readers"


def outside_code(markdown):
    """Without spans and blocks of code."""
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown, flags=re.DOTALL)


def folded(text):
    return "".join(text.split())


def check_terminal(text, names=()):
    """What was printed moves no cursor, and has each of ``names``."""
    assert not OBEYED.search(text)
    for name in names:
        assert folded(name) in folded(text), name


def check_latex(text):
    """No command of a name, nothing but ASCII."""
    assert text.isascii()
    obeyed = "".join(line for line in text.splitlines(True) if not line.startswith("%"))
    assert not re.search(r"\\(input|frac)(?![a-zA-Z])", obeyed)
    assert "alert(1)>" not in text.replace("\\textgreater{}", "")


def check_csv(lines):
    """No cell of text is a formula to a spreadsheet."""
    for line in lines:
        for cell in line:
            number = re.fullmatch(r"-?\d+(\.\d+)?", cell)
            assert number or cell[:1] not in tuple("=+-@\t\r"), cell
