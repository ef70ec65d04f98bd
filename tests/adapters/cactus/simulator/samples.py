"""Invented contracts for the simulator's tests."""

from typing import Any

from syncd.adapters.cactus.simulator import Contract, Simulator
from tests.support.clock import TickingClock

LA_POSTE_SIRET = "35600000000001"


def a_body(reference: str | None = "FVMA-2025-0042", **parts: dict[str, object]) -> dict[str, Any]:
    """Return a good body; a named part is changed by the given members."""
    body: dict[str, Any] = {
        "external_reference": reference,
        "academic_year": "2025-2026",
        "student": {"number": "22100042", "last_name": "Durand", "first_name": "Élise", "email": "elise@example.org"},
        "company": {"siret": "12345678200010", "name": "Société des Exemples"},
        "hr_contact": {"name": "Karim Benali", "email": "rh@example.com"},
        "mentor": {"name": "Zoé Martin", "email": "zoe@example.com"},
        "training": {
            "programme": "M2 MIAGE ID2I",
            "level": "M2",
            "campus": "aix",
            "starts_on": "2025-09-01",
            "ends_on": "2026-08-31",
        },
        "contract": {"type": "apprentissage", "starts_on": "2025-09-01", "ends_on": "2026-09-30"},
        "mission": {
            "title": "Outil de suivi des commandes",
            "description": "Concevoir et mettre en production un outil de suivi.",
            "validated_at": "2025-06-01T10:00:00+02:00",
        },
    }
    for name, members in parts.items():
        body[name] = {**body[name], **members}
    return body


def a_simulator() -> Simulator:
    """Return a simulator whose clock moves a little at each look."""
    return Simulator(TickingClock())


def a_contract(simulator: Simulator, reference: str = "FVMA-2025-0042") -> Contract:
    """Return a contract that was just initialised."""
    return simulator.initialise(a_body(reference), key=f"key-of-{reference}").contract


def a_generated_contract(simulator: Simulator, reference: str = "FVMA-2025-0042") -> Contract:
    """Return a contract whose documents were generated once."""
    contract_id = a_contract(simulator, reference).contract_id
    simulator.fill_student(contract_id)
    simulator.fill_company(contract_id)
    return simulator.generate(contract_id)
