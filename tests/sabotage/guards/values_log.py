"""Values and words: `log`, `validation`, `options`, `http`, `url`, `text`, `json`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a log that fails ends nothing",
        "_log.py",
        (
            "        except BaseException:  # noqa: ASYNC103 - a user's filter may raise "
            "anything\n"
            "            return  # noqa: ASYNC104"
        ),
        (
            "        except BaseException:  # noqa: ASYNC103 - a user's filter may raise "
            "anything\n"
            "            raise"
        ),
        ("test_log.py::test_a_filter_that_raises",),
    ),
    Guard(
        "a duration is at most a day",
        "_validation.py",
        "if not 0 <= value <= DAY or",
        "if not 0 <= value or",
        ("test_validation.py::test_no_seconds",),
    ),
    Guard(
        "a duration is no NaN",
        "_validation.py",
        "if not 0 <= value <= DAY or",
        "if 0 > value or value > DAY or",
        ("test_validation.py::test_no_seconds",),
    ),
    Guard(
        "a bool is no number",
        "_validation.py",
        "return isinstance(value, kind) and not isinstance(value, bool)",
        "return isinstance(value, kind)",
        ("test_validation.py::test_no_number",),
    ),
    Guard(
        "a count has a least value",
        "_validation.py",
        "    if value < least:\n",
        "    if False:\n",
        ("test_validation.py::test_counts",),
    ),
    Guard(
        "an async function is refused where a plain one is wanted",
        "_validation.py",
        "    if is_async(value):",
        "    if False:",
        ("test_validation.py::test_async_functions",),
    ),
    Guard(
        "a context of the other side is refused",
        "_validation.py",
        "    if context.protocol == wrong:",
        "    if False:",
        ("test_validation.py::test_contexts",),
    ),
    Guard(
        "a host is not empty",
        "_validation.py",
        '    if host == "":',
        "    if False:",
        ("test_validation.py::test_no_host",),
    ),
    Guard(
        "a heartbeat is a policy",
        "_options.py",
        "            if not isinstance(policy, HeartbeatPolicy):",
        "            if False:",
        ("test_options.py::test_no_heartbeat",),
    ),
    Guard(
        "an option that does not exist is refused kindly",
        "_options.py",
        "        if name not in known:",
        "        if False:",
        ("test_options.py::test_unknown",),
    ),
    Guard(
        "compression is not also an extension",
        "_options.py",
        "        check_extensions(self.all_extensions)\n",
        "",
        ("test_options.py::test_extensions",),
    ),
    Guard(
        "a header's name is a token",
        "_http.py",
        "    if not is_token(name):",
        "    if False:",
        ("test_http.py::test_no_header_line",),
    ),
    Guard(
        "a header's value has no line breaks",
        "_http.py",
        "    if _CONTROL.search(value):",
        "    if False:",
        ("test_http.py::test_no_header_line",),
    ),
    Guard(
        "an error does not repeat a header's value",
        "_http.py",
        "    if _NOT_LATIN.search(value):  # an",
        "    if False:  # an",
        ("test_http.py::test_no_header_line",),
    ),
    Guard(
        "a status has three digits",
        "_http.py",
        "    if not 100 <= status <= 999:",
        "    if False:",
        ("test_http.py::test_no_response",),
    ),
    Guard(
        "a body is text or bytes",
        "_http.py",
        "    if not isinstance(body, bytes | bytearray | memoryview):",
        "    if False:",
        ("test_http.py::test_no_response",),
    ),
    Guard(
        "a URL has no blanks",
        "_url.py",
        "    if found := _UNPRINTABLE.search(text):",
        "    if (found := _UNPRINTABLE.search(text)) and False:",
        ("test_url.py::test_refused",),
    ),
    Guard(
        "a URL has no fragment",
        "_url.py",
        "    if fragment:\n",
        "    if False:\n",
        ("test_url.py::test_refused",),
    ),
    Guard(
        "a URL's secrets are not shown",
        "_url.py",
        'secret = "***@" if self.authorization else ""',
        'secret = f"{self.authorization}@" if self.authorization else ""',
        ("test_url.py::test_shown_without_secrets",),
    ),
    Guard(
        "a URL's query is not shown",
        "_url.py",
        'hidden = "?***" if question else ""',
        "hidden = self.target[len(path):]",
        ("test_url.py::test_shown_without_secrets",),
    ),
    Guard(
        "a refused URL's secrets are not shown",
        "_url.py",
        "return hidden + printable(_BEHIND_PATH.split(shown, maxsplit=1)[0])",
        "return printable(text)",
        ("test_url.py::test_refusals_keep_secrets",),
    ),
    Guard(
        "credentials of a URL have no control characters",
        "_url.py",
        ("    if any(byte < 0x20 or byte == 0x7F for part in credentials for byte in part):"),
        "    if False:",
        ("test_url.py::test_refused",),
    ),
    Guard(
        "a port is a port",
        "_url.py",
        "    if not digits or len(digits) > 5 or int(digits) > 65535:",
        "    if not digits:",
        ("test_url.py::test_refused",),
    ),
    Guard(
        "what is shown is escaped",
        "_text.py",
        'c if c.isprintable() else c.encode("unicode_escape").decode()',
        "c",
        ("test_text.py::test_printable",),
    ),
    Guard(
        "what is shown is shortened",
        "_text.py",
        "    if len(text) > limit:",
        "    if False:",
        ("test_text.py::test_printable",),
    ),
    Guard(
        "deep JSON is a ValueError",
        "_json.py",
        ", parse_float=_finite)\n    except RecursionError:",
        ", parse_float=_finite)\n    except FloatingPointError:",
        ("test_json.py::test_too_deep_from_the_peer",),
    ),
    Guard(
        "NaN is no JSON to read",
        "_json.py",
        "json.loads(message, parse_constant=_refuse, ",
        "json.loads(message, ",
        ("test_json.py::test_what_is_none",),
    ),
    Guard(
        "a number too large for a float is no JSON to read",
        "_json.py",
        ", parse_float=_finite)",
        ")",
        ("test_json.py::test_too_large_for_a_float",),
    ),
    Guard(
        "NaN is no JSON to write",
        "_json.py",
        "allow_nan=False",
        "allow_nan=True",
        ("test_json.py::test_what_has_no_form",),
    ),
    Guard(
        "lone surrogates are escaped",
        "_json.py",
        '    return text.encode(errors="backslashreplace").decode()',
        "    return text",
        ("test_json.py::test_text",),
    ),
]
