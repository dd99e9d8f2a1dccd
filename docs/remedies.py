"""The classification table of `supervise`, as rows, made from the code's own tables.

`conf.py` makes the directive ``remedy-table`` of it.
"""

from __future__ import annotations

from trio_ws._supervision.retry_rules import (
    CLOSE_CODES,
    ERRORS,
    HTTP_STATUSES,
    LOSSES,
    PROXY_STATUSES,
    Rule,
)

HEAD = ["what happened", "why", "what helps"]


def rows() -> list[list[str]]:
    """The whole table, its head first."""
    return [
        HEAD,
        *(numbers("HTTP", rule) for rule in HTTP_STATUSES),
        *(numbers("proxy", rule) for rule in PROXY_STATUSES if rule not in HTTP_STATUSES),
        *([kind.__name__, why, remedy.value] for kind, remedy, why in ERRORS),
        *(numbers("close", rule) for rule in CLOSE_CODES),
        *(["lost", loss.value, remedy.value] for loss, remedy in LOSSES.items()),
    ]


def numbers(what: str, rule: Rule) -> list[str]:
    """A row for a range of numbers."""
    span = f"{rule.first}" if rule.first == rule.last else f"{rule.first}–{rule.last}"
    return [f"{what} {span}", rule.why, rule.remedy.value]
