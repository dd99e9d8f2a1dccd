"""Verdicts: what the suite says of each case, compared with what the project expects.

``expected.json`` names the number of cases and, for each role, the exceptions:
a pattern of cases and the two verdicts expected of them, behaviour and close.
Every other case is expected to be ``OK`` in both.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Self

# Whether an answer came strictly in time is chance; whether it was right is not.
RANKS = {"OK": 0, "NON-STRICT": 0, "INFORMATIONAL": 0, "UNIMPLEMENTED": 1}
WORST = 2  # FAILED, UNCLEAN, WRONG CODE, FAILED BY CLIENT
STEPS = 40  # of a case's story: enough for all but the cases that send octet by octet
SHOWN = ("OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED", "FAILED")
GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits, performance",
    "10": "miscellaneous",
    "12": "compression",
    "13": "compression",
}


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one case; the details are there when it is not plainly good."""

    case: str
    behaviour: str
    close: str
    remarks: str = ""
    milliseconds: int = 0
    details: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        return cls(
            case=record["case"],
            behaviour=record["behavior"],
            close=record["behaviorClose"],
            remarks=f"{record['result']} / {record['resultClose']}",
            milliseconds=record["duration"],
            details=tuple(record.get("details", ())),
        )

    @property
    def group(self) -> str:
        return self.case.partition(".")[0]

    @property
    def ranks(self) -> tuple[int, int]:
        return RANKS.get(self.behaviour, WORST), RANKS.get(self.close, WORST)

    def story(self) -> str:
        """Tell all that is known, one indented line a step."""
        head = f"{self.case}: {self.behaviour}, close {self.close} ({self.remarks})"
        return "\n    ".join([head, *(line[:300] for line in self.details[:STEPS])])


@dataclass(frozen=True)
class Expected:
    """What one role's results should be."""

    cases: int
    exceptions: dict[str, list[str]]

    @classmethod
    def load(cls, role: str) -> Self:
        content = json.loads(Path(__file__).with_name("expected.json").read_text())
        return cls(content["cases"], content[role])

    def of(self, case: str) -> Result:
        for pattern, (behaviour, close) in self.exceptions.items():
            if fnmatch(case, pattern):
                return Result(case=case, behaviour=behaviour, close=close)
        return Result(case=case, behaviour="OK", close="OK")

    def worse(self, results: Iterable[Result]) -> list[Result]:
        """Return the results that fail the run."""
        return [r for r in results if any(map(int.__gt__, r.ranks, self.of(r.case).ranks))]

    def better(self, results: Iterable[Result]) -> list[Result]:
        """Return the results that expected.json could now claim."""
        return [r for r in results if r.ranks < self.of(r.case).ranks and not self.worse([r])]


def table(results: Iterable[Result]) -> str:
    """Draw one line for each group: how many cases got which verdict."""
    head = (f"{'group':<24}", "cases", *SHOWN, "bad close", "seconds")
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.group, []).append(result)
    rows = [_row(f"{name:>2} {GROUPS.get(name, '')}", group) for name, group in groups.items()]
    rows.append(_row("   all", [result for group in groups.values() for result in group]))
    return "\n".join("  ".join(map(str.rjust, row, map(len, head))) for row in (head, *rows))


def _row(name: str, results: list[Result]) -> tuple[str, ...]:
    behaviours = [r.behaviour if r.behaviour in RANKS else "FAILED" for r in results]
    counts = [len(results), *map(behaviours.count, SHOWN)]
    counts.append(sum(r.ranks[1] == WORST for r in results))
    seconds = sum(r.milliseconds for r in results) / 1000
    return (f"{name:<24}", *(str(count or "·") for count in counts), f"{seconds:.1f}")


def report(role: str, results: list[Result], seconds: float) -> str:
    """Put all that is worth reading about one role on a page."""
    expected = Expected.load(role)
    parts = [f"Autobahn testsuite, our {role} ({seconds:.1f} s of CPU):", table(results)]
    if better := expected.better(results):
        names = " ".join(result.case for result in better)
        parts.append(f"Better than expected.json says; let it claim them: {names}")
    if worse := expected.worse(results):
        parts += ["Worse than expected:", *(result.story() for result in worse)]
    return "\n".join(parts) + "\n"
