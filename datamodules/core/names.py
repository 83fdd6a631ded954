"""Names of data: ``dataset[+variant][@regime]``, such as ``isic2018+leaky_ecl@lt100``."""

import re
from dataclasses import dataclass

from .errors import MedtailError

_NAME = re.compile(r"(?P<dataset>[a-z0-9_]+)(\+(?P<variant>[a-z0-9_]+))?(@(?P<regime>[a-z0-9_]+))?")


@dataclass(frozen=True)
class DataName:
    """A parsed name.

    Attributes:
        dataset: slug of the dataset, such as ``isic2018``.
        variant: another split than the default one, such as ``leaky_ecl``; empty for the default.
        regime: what the training split is cut to, such as ``lt100``.
    """

    dataset: str
    variant: str = ""
    regime: str = "natural"

    @classmethod
    def parse(cls, text: str) -> "DataName":
        """Parse ``text``; raises ``MedtailError`` where it is not of the form."""
        match = _NAME.fullmatch(text)
        if not match:
            raise MedtailError(
                f"'{text}' is no name of data: write dataset[+variant][@regime], such as "
                "isic2018@lt100"
            )
        return cls(match["dataset"], match["variant"] or "", match["regime"] or "natural")

    @property
    def source(self) -> str:
        """The name without the regime."""
        return f"{self.dataset}+{self.variant}" if self.variant else self.dataset

    def __str__(self) -> str:
        return f"{self.source}@{self.regime}"
