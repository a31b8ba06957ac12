"""Records: compared and hashed by their fields, replaceable, without room for more."""

from dataclasses import replace

import pytest

from domain.kit.records import record


@record(frozen=True, slots=True)
class _Point:
    x: int
    y: int = 0


def test_records_are_values() -> None:
    assert _Point(1, 2) == replace(_Point(1), y=2)
    assert len({_Point(1), _Point(1, 0), _Point(2)}) == 2
    assert repr(_Point(1)).endswith("_Point(x=1, y=0)")


def test_records_have_no_room_for_more() -> None:
    with pytest.raises(AttributeError):
        object.__setattr__(_Point(1), "z", 3)
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, slots=True)  # another kind of class is made by `dataclass`
