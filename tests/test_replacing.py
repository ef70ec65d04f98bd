"""Copies of frozen values, made slot by slot."""

import dataclasses
from dataclasses import dataclass, fields
from typing import Any

import pytest

from syncd.model import Asked, Event
from syncd.model.replacing import replace
from tests.support.facts import POLICY, contract, known, linked

FACTS = linked(contract("initialised"))
VALUES = [FACTS, FACTS.mission, FACTS.remote]


def test_a_copy_is_what_the_standard_library_makes() -> None:
    before = known()

    after = replace(before, asked=Asked.UNKNOWN, attempts=3)

    assert after == dataclasses.replace(before, asked=Asked.UNKNOWN, attempts=3)
    assert before == known()


def test_a_copy_is_as_frozen_as_what_it_was_made_from() -> None:
    copy = replace(FACTS, attempts=3)

    assert type(copy) is type(FACTS)
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.attempts = 4  # type: ignore[misc]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_every_field_can_be_changed_and_no_other_changes(value: Any) -> None:
    names, mark = [field.name for field in fields(value)], object()

    for changed in names:
        copy = replace(value, **{changed: mark})

        assert getattr(copy, changed) is mark
        assert all(getattr(copy, name) is getattr(value, name) for name in names if name != changed)


def test_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TypeError, match="Facts has no field shoe_size"):
        replace(FACTS, shoe_size=42)  # type: ignore[call-arg]


@dataclass(frozen=True)
class Loose:
    one: int
    other: int


def test_a_class_that_has_more_to_it_than_slots_is_refused() -> None:
    with pytest.raises(TypeError, match="Loose is not copied by its slots alone"):
        replace(Loose(1, 2), one=3)


def test_what_a_value_remembers_is_not_copied() -> None:
    nobody = replace(POLICY, recipients=())

    assert POLICY.recipients_of(Event.CONTRACT_INITIALISED, FACTS.mission) != ()
    assert replace(POLICY, recipients=()).recipients_of(Event.CONTRACT_INITIALISED, FACTS.mission) == ()
    assert nobody == dataclasses.replace(POLICY, recipients=())
