from enum import StrEnum

from core import vocabulary


def test_every_kind_of_word_is_stored_and_checked() -> None:
    kinds = {
        kind
        for kind in vars(vocabulary).values()
        if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum
    }

    assert set(vocabulary.ALL) == kinds
    assert all(word == word.lower() and word for kind in kinds for word in kind)
