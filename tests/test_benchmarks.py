"""The page of results keeps what was not measured again."""

from benchmarks.page import page_of, section, sections_of
from benchmarks.table import Figure

ORDER = ("initialise", "known", "discovery")
ONE, OTHER = (Figure(name=name, ratio=0.5, target="≥ 0.80", context={"per_s": 1234}) for name in ("one", "other"))


def test_a_section_that_is_measured_again_leaves_the_others_as_they_were() -> None:
    first = page_of({"known": section("today; 2 cores", [ONE]), "initialise": section("today", [OTHER])}, ORDER)

    again = page_of(sections_of(first) | {"known": section("later", [OTHER, ONE])}, ORDER)

    assert "| one | 0.50 | ≥ 0.80 | per_s 1,234 |\n" in again
    assert sections_of(again) == {
        "initialise": section("today", [OTHER]), "known": section("later", [OTHER, ONE]),
    }  # fmt: skip
    assert again.index("## initialise") < again.index("## known")


def test_a_page_is_written_again_as_it_was() -> None:
    page = page_of({"known": section("today", [ONE]), "discovery": section("today", [ONE, OTHER])}, ORDER)

    assert page_of(sections_of(page), ORDER) == page
