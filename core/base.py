"""What all tables share: how Python's types are stored."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Integer, Text
from sqlalchemy.orm import DeclarativeBase

from core import vocabulary
from core.columns import UtcTime, words


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcTime(),
        int: BigInteger().with_variant(Integer(), "sqlite"),
        str: Text(),
        dict[str, Any]: JSON(),
    } | {kind: words(kind) for kind in vocabulary.ALL}
