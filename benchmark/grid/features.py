"""Features of one's own: a file of vectors, computed elsewhere, in the place of images."""

from pathlib import Path
from typing import Any

from pydantic import Field, PositiveInt

from medtail.datamodules.core.errors import MedtailError, first_line
from medtail.methods.core.pretrained.source import digest_of

from .frozen import Frozen

COLUMNS = ("id", "vector")
HOW = "medtail reads Parquet with the columns id (text) and vector (a list of numbers)"


class Features(Frozen):
    """A file of features that take the place of a backbone.

    Attributes:
        model: what computed them, as the file says, or its name without ending.
        sha256: of the file.
        views: rows of an image.
        place: where it lies on this machine; in no identity, record or page.
    """

    model: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    views: PositiveInt = 1
    place: str = Field("", exclude=True)

    def checked(self) -> Path:
        """The file, which must still be what it was.

        Raises:
            MedtailError: it is not there, or is another.
        """
        path = Path(self.place)
        if not self.place or not path.is_file():
            raise MedtailError(f"features '{self.model}': the file is not there")
        if digest_of(path) != self.sha256:
            raise MedtailError(f"features {path.name}: changed since it was named: start again")
        return path


def found(text: str) -> Features:
    """The features that a suite names; reads their ids alone.

    Args:
        text: path of a Parquet file, whose metadata may say its ``model``.

    Raises:
        MedtailError: there is no such file, or it is of another form.
    """
    import pyarrow as pa
    from pyarrow import parquet as pq

    path = Path(text).expanduser()
    if not path.is_file():
        raise MedtailError(f"features {text}: no such file")
    try:
        schema = pq.read_schema(path)
        lacking = [name for name in COLUMNS if name not in schema.names]
        if lacking:
            raise MedtailError(f"features {text}: no column '{lacking[0]}': {HOW}")
        ids = pq.read_table(path, columns=["id"]).column("id")
        ids.validate(full=True)  # text that is no UTF-8 is found here
    except (OSError, pa.ArrowException) as error:
        raise MedtailError(
            f"features {text}: cannot be read ({first_line(error)}): {HOW}"
        ) from None
    counts = ids.value_counts().field("counts").to_pylist()
    if not counts:
        raise MedtailError(f"features {text}: no row")
    if len(set(counts)) > 1:
        raise MedtailError(
            f"features {text}: some ids have {min(counts)} rows, others {max(counts)}: give each "
            "image as many views"
        )
    said: dict[bytes, bytes] = schema.metadata or {}
    model = said.get(b"model", b"").decode(errors="replace").strip() or path.stem
    return Features(
        model=model, sha256=digest_of(path), views=counts[0], place=str(path.absolute())
    )


def as_terms(text: str, own: dict[str, Any], explicit: set[str]) -> dict[str, Any]:
    """Terms of a table on features of one's own: what they decide, and what they leave open.

    Args:
        text: see ``found``.
        own: the table's other terms, by name.
        explicit: of them those that the suite says itself.

    Raises:
        MedtailError: no such features, or terms that features have no use for.
    """
    for name in ("backbone", "weights", "normalisation"):
        if name in explicit:
            raise MedtailError(f"features {text}: {name} says how images become features: drop it")
    if own["augment"] not in ("symmetries", "none"):
        raise MedtailError(
            f"features {text}: augment: {own['augment']} changes images: write none, or drop it "
            "(then any of an image's rows is a view of it)"
        )
    features = found(text)
    views = own["augment"] if features.views > 1 else "none"
    return own | {
        "features": features,
        "backbone": features.model,
        "weights": None,
        "normalisation": "imagenet",
        "augment": views,
    }
