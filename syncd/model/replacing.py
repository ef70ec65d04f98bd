"""Frozen values with some fields changed, at a tenth of the cost of `dataclasses.replace`.

A contract's facts have forty fields and are replaced ten times on their way through one effect: copying them was a
sixth of what an initialisation cost. A frozen class makes every assignment slow, and its `__init__` with it. The copy
is therefore filled as a twin, which has the same slots and is not frozen, and given its class when it is whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

Value = TypeVar("Value")

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(value: Value, /, **changes: object) -> Value:
        """Return a copy of a frozen, slotted dataclass with these fields changed, as `dataclasses.replace` does.

        A field that no caller gives (`init=False`: something remembered) is made anew.

        Raises:
            TypeError: it has no such field, or none that may be given.
        """
        return _copier(type(value))(value, changes)


@cache
def _copier(kind: type) -> Callable[[Any, dict[str, object]], Any]:
    """Return what copies a value of this class."""
    names = tuple(field.name for field in fields(kind))
    if hasattr(kind, "__post_init__") or kind.__dict__.get("__slots__") != names:
        raise TypeError(f"{kind.__name__} is not copied by its slots alone")
    twin, fill = type(kind.__name__, (), {"__slots__": names}), _filler(names)
    made_anew = [
        (field.name, field.default_factory)
        for field in fields(kind)
        if not field.init and field.default_factory is not MISSING
    ]
    may_be_given = frozenset(names) - {name for name, _ in made_anew}

    def copy(value: object, changes: dict[str, object]) -> object:
        copied = fill(twin(), value)
        for name, new in changes.items():
            if name not in may_be_given:
                raise TypeError(f"{kind.__name__} has no field {name}")
            setattr(copied, name, new)
        for name, make in made_anew:
            setattr(copied, name, make())
        copied.__class__ = kind
        return copied

    return copy


def _filler(names: Sequence[str]) -> Callable[[Any, object], Any]:
    """Return what fills a twin: written out name by name, as `dataclasses` writes an `__init__`, it is the fastest."""
    lines = "".join(f"    twin.{name} = value.{name}\n" for name in names)
    written: dict[str, Callable[[Any, object], Any]] = {}
    exec(f"def fill(twin, value):\n{lines}    return twin\n", written)  # noqa: S102 - the names are our own classes'
    return written["fill"]
