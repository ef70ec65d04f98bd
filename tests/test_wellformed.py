"""What is an address and what is a SIRET, at the boundaries."""

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from syncd.wellformed import is_mail_address, is_siret


@pytest.mark.parametrize(
    ("number", "is_valid"),
    [
        ("13001533200013", True), ("39391439500057", True), ("12345678200010", True), ("98765432400027", True),
        ("35600000000048", True),  # La Poste, by its key
        ("35600000049837", True),  # La Poste, by the sum of its digits alone
        ("35600000049838", False),
        ("12345678200011", False), ("1234567820001", False), ("123456782000100", False), ("123 456 782 00010", False),
        ("1234567820001O", False), ("１２３４５６７８２０００１０", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_q09_a_siret_has_14_digits_and_a_key(number: str | None, is_valid: bool) -> None:
    assert is_siret(number) is is_valid


@pytest.mark.parametrize(
    ("address", "is_valid"),
    [
        ("zoe@example.org", True), ("zoé@example.org", True), ("rh+paie@sous.example.com", True),
        ("zoe@example", False),
        ("zoe@@example.org", False), ("zoe@example.org, rh@example.org", False), ("Zoé <zoe@example.org>", False),
        ("zoe", False), ("", False), (None, False),
    ],
)  # fmt: skip
def test_q09_an_address_is_one_address(address: str | None, is_valid: bool) -> None:
    assert is_mail_address(address) is is_valid


_PEOPLE = st.one_of(st.text(alphabet='ab9._+-é "', max_size=70), st.from_regex(r"[a-z0-9]{1,70}", fullmatch=True))
_DOMAINS = st.one_of(
    st.sampled_from(["example.org", "etu.univ-amu.fr", "localhost", "x.test", "exämple.fr", "a_b.fr", ""]),
    st.text(alphabet="ab.-@", max_size=12),
    st.integers(1, 6).map(lambda times: ".".join(["long" * 12] * times) + ".fr"),
)


@given(person=_PEOPLE, domain=_DOMAINS)
@example(person="a" * 64, domain="example.org")
@example(person="a" * 65, domain="example.org")
def test_q09_an_address_is_judged_as_the_library_judges_it_whole(person: str, domain: str) -> None:
    address = f"{person}@{domain}"

    try:
        validate_email(address, check_deliverability=False)
        is_valid = True
    except EmailNotValidError:
        is_valid = False

    assert is_mail_address(address) is is_valid
