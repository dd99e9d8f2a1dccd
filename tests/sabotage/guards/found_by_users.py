"""What its users would trip over: guards of several modules, each found by a public report."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a Close that answers the first ping has a hint",
        "_protocol/protocol.py",
        "            detail=hint if hinted else detail,\n",
        "            detail=detail,\n",
        ("protocol/test_protocol_closing.py::test_a_hint_why_the_peer_closes",),
    ),
    Guard(
        "a pong before the Close is against the hint",
        "_protocol/protocol.py",
        "first and not answered and received",
        "first and received",
        ("protocol/test_protocol_closing.py::test_a_hint_why_the_peer_closes",),
    ),
    Guard(
        "a context without certificates is not kept",
        "_transport/default_context.py",
        "            context.load_verify_locations(file)\n",
        "            pass\n",
        ("transport/test_default_context.py::test_out_of_descriptors",),
    ),
    Guard(
        "what a server asked for outlasts a sleep",
        "_supervision/retry_timer.py",
        "max(soon, self._not_before)",
        "soon",
        (
            "supervision/test_retry_timer.py::test_what_the_server_asked_for_outlasts_a_sleep",
            "supervision/test_loop.py::test_the_machine_wakes_up_before_the_server_may_be_asked",
        ),
    ),
    Guard(
        "a sleep counts as waiting for the server",
        "_supervision/retry_timer.py",
        "        self._not_before -= slept",
        "        self._not_before -= 0 * slept",
        ("supervision/test_retry_timer.py::test_what_the_server_asked_for_outlasts_a_sleep",),
    ),
    Guard(
        "the loop tells when the server may be asked",
        "_supervision/loop.py",
        ", not_before=self._endpoints.rests_until",
        "",
        ("supervision/test_loop.py::test_the_machine_wakes_up_before_the_server_may_be_asked",),
    ),
    Guard(
        "a ping confirms nothing that it overtakes",
        "_connection/heartbeat.py",
        "frames_before = self._protocol.send_queue.frames_out",
        "frames_before = self._protocol.send_queue.frames_in",
        ("connection/test_delivery.py::test_a_ping_that_overtakes",),
    ),
    Guard(
        "an address that works is in order again",
        "_client/hop.py",
        "            current_address_order().worked(reached.host, reached.port, reached.address)\n",
        "            pass\n",
        ("client/test_hop.py::test_an_address_that_works_again",),
    ),
    Guard(
        "fragments that take long to make let others run",
        "_connection/fragments.py",
        "        await self._budget.checkpoint(len(checked))\n",
        "",
        ("connection/test_fragments.py::test_an_iterator_that_takes_long",),
    ),
    Guard(
        "a large message is held once while it is written",
        "_connection/writer.py",
        (
            "        # What the transport gives back may be a copy: "
            "what was taken is held no longer.\n        pieces ="
        ),
        "        taken = pieces  # noqa: F841\n        pieces =",
        ("hazards/test_memory.py::test_the_formula_of_the_docs",),
    ),
    Guard(
        "what is no Exception out of on_request is a 500",
        "_server/upgrade.py",
        "        except BaseException as exc:  # noqa: ASYNC103 - what must pass does\n",
        "        except Exception as exc:\n",
        ("server/test_upgrade.py::test_on_request_fails",),
    ),
    Guard(
        "what is no Exception out of the error hook is logged as its own",
        "_server/handler.py",
        "        except BaseException as exc:  # noqa: ASYNC103 - what must pass does\n",
        "        except Exception as exc:\n",
        ("server/test_handler.py::test_report_fails",),
    ),
    Guard(
        "what is no Exception out of a heartbeat that makes messages closes with 1011",
        "_connection/heartbeat.py",
        "            self._protocol.send(policy.make())\n        except BaseException",
        "            self._protocol.send(policy.make())\n        except Exception",
        ("connection/test_heartbeat.py::test_message_that_cannot_be_made",),
    ),
    Guard(
        "what is no Exception out of a function that recognises closes with 1011",
        "_connection/reader.py",
        (
            "            return self._heartbeat.messages.inspect(message, now)\n"
            "        except BaseException"
        ),
        (
            "            return self._heartbeat.messages.inspect(message, now)\n"
            "        except Exception"
        ),
        ("connection/test_heartbeat.py::test_policy_function_that_fails",),
    ),
]
