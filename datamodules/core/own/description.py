"""``dataset.yaml``: what a dataset of one's own is, and where its images and labels are."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    field_validator,
    model_validator,
)

from .. import yaml_values
from ..errors import DataError, MedtailError
from ..pixels.window import Window
from ..writing import whole
from .values import wrong_classes

FILE = "dataset.yaml"
HEAD = "# A dataset of one's own for medtail. Every key is explained in docs/your-data.md.\n"


def _listed(value: object) -> object:
    """One text as a list of one."""
    return [value] if isinstance(value, str) else value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdigit() else value


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Split = Literal["train", "val", "test"]
Keys = str | dict[Split, str]


class Description(BaseModel):
    """The keys of a ``dataset.yaml``; docs/your-data.md lists them from here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="The dataset's name, which is that of its folder.")
    source: str = Field(
        description="Where its images and labels are: a CSV or Parquet table, an npz archive, or a "
        "folder with one of images for each class (perhaps below `train`, `val` and `test`). A "
        "path, seen from the folder of `dataset.yaml`."
    )
    title: str = Field("", description="What it is, in a line.")
    licence: str = Field("not stated", description="What may be done with it.")
    citation: str = Field("", description="What to cite.")
    modality: str = Field(
        "", description="What the images are: `dermoscopy`, `fundus`, ...; some methods ask."
    )
    classes: tuple[str, ...] = Field(
        (),
        description="Names of the classes, in order. Labels are these names, or all are their "
        "places from 0. By default the labels: numbers by size, text by alphabet.",
    )
    ordinal: bool = Field(False, description="Whether the classes are ordered, as grades are.")
    rare: Names = Field(
        (),
        description="Classes that few-shot and active regimes call rare; by default 3 of 7, those "
        "with the fewest images.",
    )
    critical: Names = Field(
        (),
        description="Classes that must not be missed, such as malignant ones, for `medtail "
        "decisions`; a changed list runs nothing again.",
    )
    channels: Annotated[Literal[1, 3], BeforeValidator(_whole)] = Field(
        3, description="3 for colour, 1 for grey images that stay grey."
    )
    image: Keys = Field(
        "image",
        description="The column with an image's path (seen from the table's folder or `images`), "
        "or its name, with or without ending, anywhere below. Of an npz: the array's key; "
        "`x_{split}` for arrays of each split, or a mapping of `train`, `val` and `test`.",
    )
    label: Keys | tuple[str, ...] = Field(
        "label",
        description="The column with the label; or a list of columns, one for each class, of which "
        "one is 1. Of an npz: the array's key, as for `image`.",
    )
    id: Keys = Field(
        "", description="The column with an image's id in predictions; by default its path."
    )
    group: Keys = Field(
        "",
        description="The column with the coarsest known group: patient, else lesion, else video. "
        "No group is split. Its values appear nowhere, only digests of them. Of folders: `folder`, "
        "where those of the classes have folders in them.",
    )
    no_group: bool = Field(
        False, description="Every image stands for itself, as its owner says: no column is a group."
    )
    split: Keys = Field(
        "",
        description="The column with `train`, `val` and `test` (or `training`, `validation`, "
        "`dev`, `testing`, in whatever case). Without a `val`, an eighth of `train` becomes it.",
    )
    no_split: bool = Field(
        False, description="medtail splits, by group: no column is a split, whatever it is called."
    )
    test_fold: Names = Field(
        (), description="Values of `split` that are the test; all others are then train."
    )
    val_fold: Names = Field((), description="Values of `split` that are for validation.")
    age: str = Field("", description="The column with an age in years; its band of 20 is kept.")
    sex: str = Field("", description="The column with `male` and `female`, for recall by subgroup.")
    site: str = Field("", description="The column with the site of body or clinic, 40 at most.")
    images: str = Field("", description="The folder of the images; by default the table's folder.")
    window: str = Field(
        "",
        description="The grey levels that become black and white: `[low, high]`, `p1-p99` "
        "(percentiles of each image) or `file` (what a DICOM file says). Needed for more than 8 "
        "bits.",
    )
    frame: NonNegativeInt | None = Field(
        None, description="Which frame of a stack is the image, from 0."
    )
    copies: Literal["refuse", "exclude"] = Field(
        "refuse",
        description="What becomes of an image that stands in several splits: `refuse` the data, or "
        "`exclude` it from train (and from val, where it is in test).",
    )

    @field_validator("classes")
    @classmethod
    def _classes(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if names and (problem := wrong_classes(names)):
            raise ValueError(problem)
        return tuple(name.strip() for name in names)

    @field_validator("window", mode="before")
    @classmethod
    def _window(cls, value: object) -> str:
        try:
            said = f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else value
            return str(Window.parse(said)) if said else ""
        except MedtailError as error:
            raise ValueError(str(error).removeprefix("window=")) from error

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key in ("group", "split"):
            if getattr(self, key) and getattr(self, f"no_{key}"):
                raise ValueError(f"{key} and no_{key}: say one of them")
        if (self.test_fold or self.val_fold) and self.no_split:
            raise ValueError("no_split leaves nothing for test_fold and val_fold")
        return self

    def text(self) -> str:
        """The YAML of its columns, and of what else differs from the defaults."""
        values = self.model_dump(mode="json")
        usual = {name: f.get_default() for name, f in type(self).model_fields.items()}
        values = {
            name: value
            for name, value in values.items()
            if getattr(self, name) != usual[name] or name in ("image", "label")
        }
        body: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
        return HEAD + body


def _line(root: yaml.Node | None, key: str) -> int:
    """The line of a key, from 1; 1 where it is absent."""
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    return next((k.start_mark.line + 1 for k, _ in pairs if k.value == key), 1)


def read(path: Path) -> Description:
    """What a ``dataset.yaml`` says.

    Raises:
        DataError: it is no YAML or not as it should be, with its line and key.
    """
    shown = f"{path.parent.name}/{path.name}"
    try:
        root = yaml_values.compose(path.read_text(encoding="utf-8-sig"))
        values = yaml_values.construct(root, within=True)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise DataError(f"{shown}{line}: {yaml_values.reason(error)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{shown}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DataError(f"{shown}, line 1: a dataset is a mapping of name, source, label, ...")
    try:
        found = described({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        key, why = reason(error)
        raise DataError(f"{shown}, line {_line(root, key)}, {key}: {why}") from error
    if found.name != path.parent.name:
        raise DataError(
            f"{shown}, line {_line(root, 'name')}, name: '{found.name}' lies in the folder "
            f"'{path.parent.name}': give both one name"
        )
    return found


def described(values: dict[str, Any]) -> Description:
    """A description of plain values, which may all be text; raises ``ValidationError``."""
    return Description.model_validate(values)


def reason(error: ValidationError) -> tuple[str, str]:
    """The key of the first mistake, and what is wrong with it."""
    first = error.errors()[0]
    key, known = str(first["loc"][0]) if first["loc"] else "whole file", Description.model_fields
    if first["type"] == "extra_forbidden":
        near = get_close_matches(key, known, n=1, cutoff=0.5)
        return key, f"unknown key; {f'did you mean {near[0]}?' if near else ', '.join(known)}"
    said = {
        "missing": "this key has to be there",
        "tuple_type": f"{first['input']}: give a list, such as [a, b]",
        "bool_parsing": f"{first['input']}: write true or false",
        "literal_error": f"{first['input']}: write {first.get('ctx', {}).get('expected')}",
        **dict.fromkeys(
            ("greater_than_equal", "int_parsing"),
            f"{first['input']}: give a whole number, 0 or more",
        ),
    }
    return key, said.get(first["type"], first["msg"].removeprefix("Value error, "))


def write(path: Path, facts: Description) -> None:
    """Write a ``dataset.yaml``, whole or not at all, once it reads as what it is to say.

    Raises:
        DataError: it does not; nothing is replaced.
    """
    with whole(path) as part:
        part.write_text(facts.text(), encoding="utf-8")
        root = yaml_values.compose(part.read_text(encoding="utf-8"))
        if described(yaml_values.construct(root, within=True)) != facts:
            raise DataError(f"{path}: what was written reads otherwise: nothing is replaced")
