"""The protocol: `accelerator`, and the C code.

What only a sanitizer would notice is not here: see `tests/protocol/in_c/test_sanitizers.py`.
"""

from __future__ import annotations

from ..guard import Guard

C = "_protocol/in_c/accelerator.c"
LEFT = "protocol/test_accelerator.py::test_what_is_left"

GUARDS = [
    Guard(
        "TRIO_WS_PURE leaves the accelerator out",
        "_protocol/accelerator.py",
        'if os.environ.get(PURE, "0") not in ("", "0"):',
        "if False:",
        ("protocol/test_accelerator.py::test_it_may_be_left_out",),
    ),
    Guard(
        "an accelerator of another source is not used",
        "_protocol/accelerator.py",
        "return cast(Accelerator, built) if _fits(built) else None",
        "return cast(Accelerator, built)",
        ("protocol/test_accelerator.py::test_it_must_be_of_the_source_beside_it",),
    ),
    Guard(
        "numpy is not fetched beside the accelerator",
        "_protocol/masking.py",
        "if size > SMALL or accelerator.compiled is not None:",
        "if size > SMALL:",
        ("protocol/test_masking.py::test_numpy_is_never_fetched_beside_the_accelerator",),
    ),
    Guard(
        "C: frames with the wrong masking are left",
        C,
        "    if ((here[1] >= MASKED) != masked)\n        return NULL;\n",
        "",
        (LEFT,),
    ),
    Guard(
        "C: a length in a longer form is left",
        C,
        "        if (length < shortest)\n            return NULL;\n",
        "",
        ("protocol/test_accelerator.py::test_a_length_has_its_shortest_form",),
    ),
    Guard(
        "C: a frame over the limit is left",
        C,
        "if (length > limit || end - here",
        "if (end - here",
        (LEFT,),
    ),
    Guard(
        "C: no more is taken at once than is asked for",
        C,
        "for (; most > 0; most--) {",
        "for (;;) {",
        ("protocol/test_accelerator.py::test_no_more_at_once",),
    ),
    Guard(
        "C: text that is not UTF-8 is left",
        C,
        "        if (message == NULL && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {\n"
        "            PyErr_Clear();\n"
        "            break;\n"
        "        }\n",
        "",
        (LEFT,),
    ),
    Guard(
        "C: a position outside the data is refused",
        C,
        "position < 0 || position > data.len || limit < 0",
        "limit < 0",
        ("protocol/test_accelerator.py::test_wrong_arguments",),
    ),
    Guard(
        "C: a buffer is let go",
        C,
        "    PyBuffer_Release(&target);\n",
        "",
        ("protocol/test_accelerator.py::test_masks",),
    ),
    Guard(
        "C: a message belongs to the list alone",
        C,
        "        Py_XDECREF(message);\n",
        "",
        ("protocol/test_accelerator.py::test_nothing_is_leaked",),
    ),
    Guard(
        "C: a large frame is not joined",
        C,
        " && PyBytes_Size(*payload) < large;",
        ";",
        ("protocol/test_accelerator.py::test_what_cannot_be_joined",),
    ),
]
