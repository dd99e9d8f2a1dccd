"""The state table of the protocol, as rows and as a picture, made from the code's own `TABLE`.

Nothing here is typed in by hand but where the boxes stand,
so page and code cannot disagree.
`conf.py` makes the directives ``protocol-table`` and ``protocol-picture`` of it.
"""

from __future__ import annotations

from html import escape

from trio_ws._protocol.states import TABLE, Action, Input, State

WIDTH, TOP, LINE = 840, 150, 17
BOX_WIDTH, BOX_HEIGHT = 140, 44
LEFT = {State.OPEN: 5, State.CLOSING: 330, State.ENDED: 690}
ARCH = TOP - 75

TITLE = "The states of an open connection, and what leads from one to the next"
TIP = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" '
    'markerHeight="9" orient="auto"><path d="M0 0 L10 5 L0 10 z"/></marker></defs>'
)


def rows() -> list[list[str]]:
    """The table: a row for each input, a column for each state."""
    head = ["", *(state.name for state in State)]
    return [head, *([what.value, *(cell(state, what) for state in State)] for what in Input)]


def cell(state: State, what: Input) -> str:
    """What is done, and the state that follows if it is another."""
    following, action = TABLE[state, what]
    arrow = "" if following is state else f" → {following.name}"
    return f"{action.value}{arrow}"


def inputs(origin: State, target: State) -> list[Input]:
    """What leads from one state to another."""
    return [what for what in Input if TABLE[origin, what][0] is target]


def picture() -> str:
    """Boxes for states, arrows for what leads from one to another, as an SVG."""
    height = TOP + BOX_HEIGHT + 20 + LINE * max(len(_stays(state)) for state in State)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{TITLE}" class="states">',
            TIP,
            *map(_box, State),
            _arrow(State.OPEN, State.CLOSING),
            _arrow(State.CLOSING, State.ENDED),
            _arch(State.OPEN, State.ENDED),
            *map(_below, State),
            "</svg>",
        ]
    )


def _box(state: State) -> str:
    left = LEFT[state]
    return (
        f'<rect x="{left}" y="{TOP}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6"/>'
        f'<text class="name" x="{left + BOX_WIDTH // 2}" y="{TOP + BOX_HEIGHT // 2 + 5}" '
        f'text-anchor="middle">{state.name}</text>'
    )


def _arrow(origin: State, target: State) -> str:
    """A straight arrow to the next box, with what leads there above it."""
    start, end, y = LEFT[origin] + BOX_WIDTH, LEFT[target], TOP + BOX_HEIGHT // 2
    return f'<path class="way" d="M{start} {y} H{end}"/>' + _above(
        (start + end) // 2, y, inputs(origin, target)
    )


def _arch(origin: State, target: State) -> str:
    """An arrow over what lies between."""
    start, end = LEFT[origin] + BOX_WIDTH // 2, LEFT[target] + BOX_WIDTH // 2
    return f'<path class="way" d="M{start} {TOP} V{ARCH} H{end} V{TOP}"/>' + _above(
        (start + end) // 2, ARCH, inputs(origin, target)
    )


def _stays(state: State) -> list[str]:
    """What a state takes without leaving it, and does not ignore."""
    told = [(what.value, TABLE[state, what][1]) for what in inputs(state, state)]
    return [f"{what}: {act.value}" for what, act in told if act is not Action.IGNORE]


def _below(state: State) -> str:
    """What a state stays with, below its box; the last box has no room to its right."""
    x, anchor = (LEFT[state], "start") if state is not State.ENDED else (WIDTH - 10, "end")
    return _text(x, TOP + BOX_HEIGHT + 24, _stays(state), anchor)


def _above(x: int, y: int, labels: list[Input]) -> str:
    return _text(x, y - 8 - LINE * (len(labels) - 1), [what.value for what in labels], "middle")


def _text(x: int, y: int, lines: list[str], anchor: str) -> str:
    return "".join(
        f'<text x="{x}" y="{y + LINE * number}" text-anchor="{anchor}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
