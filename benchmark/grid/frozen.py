"""The base of what a suite, a cell or a record consists of."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Frozen(BaseModel):
    """Immutable, and strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: object, info: ValidationInfo) -> object:
        """Refuse ``yes`` as a number, which Python would take for 1."""
        kind = cls.model_fields[info.field_name or ""].annotation
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, bool) and not {bool, Any} & {kind, *get_args(kind)}:
                raise ValueError(f"a number or a name is wanted, not {str(one).lower()}")
        return value
