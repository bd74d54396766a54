"""What a scenario found: lines that must hold, and figures that are only told. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Claim:
    """One line that must be shown."""

    what: str
    bound: str
    measured: str
    holds: bool


@dataclass(slots=True)
class Findings:
    """What one scenario found, and in which setting."""

    scenario: str
    setting: str
    claims: list[Claim] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)

    def none(self, what: str, seen: int, of: int | None = None, examples: str = "") -> None:
        """Claim that something has not happened."""
        measured = f"{seen}" if of is None else f"{seen} of {of}"
        self.claims.append(Claim(what, "0", f"{measured}: {examples}" if seen and examples else measured, seen == 0))

    def at_most(self, what: str, value: float, bound: float, unit: str) -> None:
        """Claim an upper bound."""
        self.claims.append(Claim(what, f"at most {bound:g} {unit}", f"{value:.1f} {unit}", value <= bound))

    def at_least(self, what: str, value: float, bound: float) -> None:
        """Claim a lower bound of a count."""
        self.claims.append(Claim(what, f"at least {bound:g}", f"{value:g}", value >= bound))

    def note(self, what: str, value: object) -> None:
        """Tell a figure that nothing is claimed of."""
        self.notes.append((what, str(value)))

    def took(self, seconds: float, part: str = "") -> None:
        """Note how long the scenario took, or a part of it."""
        self.note(f"{part}: duration" if part else "duration", f"{seconds:.0f} s")

    @property
    def hold(self) -> bool:
        """Whether every claim holds; one that claims nothing has shown nothing."""
        return bool(self.claims) and all(claim.holds for claim in self.claims)
