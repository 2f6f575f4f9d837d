"""Fastest, balanced and best, for each thing that models are made for."""

from __future__ import annotations

from dataclasses import replace

from offgrid_tui.fit.model import Level
from offgrid_tui.fit.quantisation import GUIDE, quality_of
from offgrid_tui.fit.recommend import ROLES, Candidate, Label, Recommendation, recommend, worth

BILLION = 10**9


def chat(name: str, billions: float, speed: float | None, **more: object) -> Candidate:
    plain = Candidate(
        key=name,
        name=name,
        quantisation="Q4_K_M",
        size=int(billions * 0.6 * BILLION),
        roles=("chat",),
        parameters=int(billions * BILLION),
        needs=int(billions * 0.8 * BILLION),
        level=Level.SAFE,
        speed=speed,
        context=32768,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def of(label: Label, found: tuple[Recommendation, ...]) -> str | None:
    pick = next(one.pick for one in found if one.label is label)
    return pick.name if pick else None


SHELF = (chat("tiny", 0.1, 200.0), chat("small", 0.6, 60.0), chat("middle", 4, 12.0), chat("large", 14, 3.5))


def test_the_three_labels() -> None:
    found = recommend(SHELF, ("chat",))
    assert [one.label for one in found] == [Label.FASTEST, Label.BALANCED, Label.BEST]
    assert of(Label.FASTEST, found) == "small"  # the tiny one holds no conversation
    assert of(Label.BALANCED, found) == "middle"
    assert of(Label.BEST, found) == "large"
    assert all(one.reason for one in found)
    assert "about 3.5 t/s" in found[2].reason
    assert "12.0 t/s" in recommend([chat("middle", 4, 12.0, measured=True)], ("chat",))[0].reason


def test_what_does_not_fit_or_never_ends_is_not_recommended() -> None:
    shelf = [
        *SHELF,
        chat("slow", 30, 1.0),
        chat("blocked", 70, 9.0, level=Level.BLOCKED),
        chat("over", 40, 9.0, level=Level.OVER),
    ]
    assert of(Label.BEST, recommend(shelf, ("chat",))) == "large"
    tight = chat("tight", 20, 5.0, level=Level.TIGHT)
    assert of(Label.BEST, recommend([*SHELF, tight], ("chat",))) == "large"  # it leaves nothing for others
    assert of(Label.BEST, recommend([tight], ("chat",))) == "tight"


def test_where_nothing_fits_it_is_said() -> None:
    found = recommend([chat("code", 3, 10.0, roles=("code",))])
    assert [one.role for one in found] == [role for role in ROLES for _ in Label]
    by_role = {role: [one for one in found if one.role == role] for role in ROLES}
    assert all(one.pick is None and "embedding" in one.reason for one in by_role["embedding"])
    assert all(one.pick is not None for one in by_role["code"])


def test_speeds_that_nobody_knows() -> None:
    found = recommend([chat("a", 3, None), chat("b", 8, None)], ("chat",))
    assert of(Label.BEST, found) == "b"
    assert "speed not known" in found[2].reason


def test_what_a_model_is_worth() -> None:
    plain = chat("plain", 8, 10.0)
    assert worth(plain) > worth(replace(plain, quantisation="Q2_K"))
    assert worth(plain) > worth(replace(plain, parameters=7 * BILLION))
    assert worth(plain) > worth(replace(plain, context=4096))
    assert worth(plain) > worth(replace(plain, active=0.1))  # of a mixture a part alone computes


def test_the_guide_goes_from_small_to_large() -> None:
    assert [one.name for one in GUIDE][0::7] == ["Q2_K", "F16"]
    bits, qualities = [one.bits for one in GUIDE], [one.quality for one in GUIDE]
    assert bits == sorted(bits) and qualities == sorted(qualities)
    assert all(quality_of(one.name) == one.quality for one in GUIDE)
    assert GUIDE[3].name == "Q4_K_M" and abs(GUIDE[3].size(8_030_261_248) - 4_920_000_000) < 5e7
    assert quality_of("nobody knows") < 1
    assert quality_of("UD-Q4_K_M") == quality_of("q4_k_m")
