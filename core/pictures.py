"""Rows as objects of the models, to read and to hand about."""

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy.orm.attributes import instance_dict

from core.models import Base

T = TypeVar("T", bound=Base)


def picture(kind: type[T], columns: Mapping[str, Any]) -> T:
    """The object that these columns make, as they are in the database: not a record to save.

    Setting them one by one, as the constructor does, takes five times as long.
    """
    taken = kind()
    instance_dict(taken).update(columns)
    return taken
