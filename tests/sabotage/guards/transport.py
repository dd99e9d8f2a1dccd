"""Streams and sockets: from `listening` to `default_context`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a read has room for whole messages",
        "_transport/read_buffer.py",
        "READ_BUFFER_SIZE = 4 * 65 * 1024",
        "READ_BUFFER_SIZE = 4 * 64 * 1024",
        ("transport/test_read_buffer.py::test_room_for_whole_messages",),
    ),
    Guard(
        "a server without descriptors goes on",
        "_transport/listening.py",
        (
            "                if exc.errno not in ACCEPT_CAPACITY_ERRNOS:\n"
            "                    raise\n"
        ),
        "                raise\n",
        ("transport/test_listening.py::test_accepting",),
    ),
    Guard(
        "a server without descriptors waits a moment",
        "_transport/listening.py",
        "                await trio.sleep(ACCEPT_RETRY_DELAY)\n",
        "                await trio.lowlevel.checkpoint()\n",
        ("transport/test_listening.py::test_accepting",),
    ),
    Guard(
        "the log is not flooded",
        "_transport/listening.py",
        "                    silent_until = trio.current_time() + ACCEPT_LOG_INTERVAL\n",
        "",
        ("transport/test_listening.py::test_accepting",),
    ),
    Guard(
        "a listener is closed at the end",
        "_transport/listening.py",
        "            await listener.aclose()\n",
        "            pass\n",
        ("transport/test_listening.py::test_accepting",),
    ),
    Guard(
        "many clients at once leave other tasks their turn",
        "_transport/listening.py",
        "        for _ in range(MAX_AT_ONCE - 1):\n",
        "        while True:\n",
        ("transport/test_listening.py::test_many_clients_at_once",),
    ),
    Guard(
        "the descriptor of a listener is closed once",
        "_transport/listening.py",
        "            second.detach()",
        "            second.close()",
        ("transport/test_listening.py::test_many_clients_at_once",),
    ),
    Guard(
        "nothing is accepted from a listener that was closed meanwhile",
        "_transport/listening.py",
        "            if listener.socket.fileno() != second.fileno():",
        "            if False:",
        ("transport/test_listening.py::test_a_listener_that_is_closed_while_clients_wait",),
    ),
    Guard(
        "accepting what waits does not wait",
        "_transport/listening.py",
        "    second.setblocking(False)\n",
        "",
        ("transport/test_listening.py::test_accepting_what_waits_never_waits",),
        hangs=True,
    ),
    Guard(
        "a kernel that does not tell is done without",
        "_transport/kernel.py",
        (
            "    except (OSError, ValueError):  # it is refused, or the socket is closed\n"
            "        return None"
        ),
        ("    except ValueError:  # it is refused, or the socket is closed\n        return None"),
        ("transport/test_kernel.py::test_a_system_that_refuses",),
    ),
    Guard(
        "a broken connection shows without reading",
        "_transport/kernel.py",
        "    if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):",
        ("    if (number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) and False:"),
        ("transport/test_kernel.py::test_a_reset",),
    ),
    Guard(
        "the peer's end shows without reading",
        "_transport/kernel.py",
        "    return HangUp(None) if flags & (PEERS_END | select.POLLHUP) else None",
        "    return None",
        ("transport/test_kernel.py::test_the_peers_end",),
    ),
    Guard(
        "an error of the socket is one of the transport (reading)",
        "_transport/socket.py",
        (
            "                data = self._read(tail())\n"
            "            except (OSError, trio.ClosedResourceError) as error:"
        ),
        (
            "                data = self._read(tail())\n"
            "            except trio.ClosedResourceError as error:"
        ),
        ("transport/test_socket.py::test_reset_by_the_peer",),
    ),
    Guard(
        "an error of the socket is one of the transport (writing)",
        "_transport/socket.py",
        (
            "                    await trio.lowlevel.wait_writable(self._fileno())\n"
            "        except (OSError, trio.ClosedResourceError) as error:"
        ),
        (
            "                    await trio.lowlevel.wait_writable(self._fileno())\n"
            "        except trio.ClosedResourceError as error:"
        ),
        ("transport/test_socket.py::test_send_now_to_nobody",),
    ),
    Guard(
        "an error of the socket is one of the transport (reading on)",
        "_transport/socket.py",
        (
            "            count = 0\n"
            "        except OSError as error:\n"
            "            raise trio.BrokenResourceError(str(error)) from error\n"
        ),
        "            count = 0\n",
        ("transport/test_socket_watched.py::test_a_broken_connection",),
    ),
    Guard(
        "a closed socket breaks a write that waits",
        "_transport/socket.py",
        (
            "                    await trio.lowlevel.wait_writable(self._fileno())\n"
            "        except (OSError, trio.ClosedResourceError) as error:"
        ),
        (
            "                    await trio.lowlevel.wait_writable(self._fileno())\n"
            "        except OSError as error:"
        ),
        ("transport/test_socket.py::test_closed_while_sending",),
    ),
    Guard(
        "every write is a checkpoint",
        "_transport/socket.py",
        "            await trio.lowlevel.checkpoint()  # meanwhile",
        "            # meanwhile",
        ("transport/test_socket.py::test_sending_lets_others_run",),
    ),
    Guard(
        "little is read where a long message may begin",
        "_transport/socket.py",
        "        self._expects_long = True\n",
        "",
        ("transport/test_socket.py::test_how_much_is_read_of_a_long_message",),
    ),
    Guard(
        "little is read there once",
        "_transport/socket.py",
        "        self._expects_long = False\n        if data:",
        "        if data:",
        ("transport/test_socket.py::test_how_much_is_read_of_a_long_message",),
    ),
    Guard(
        "a tail is read behind, whatever is expected",
        "_transport/socket.py",
        "if self._expects_long and not tail:",
        "if self._expects_long:",
        ("transport/test_socket.py::test_how_much_is_read_of_a_long_message",),
    ),
    Guard(
        "reading on tells the bell",
        "_transport/socket.py",
        "        self._bell.note_read(more=self._more_to_read)\n        return count",
        "        return count",
        ("transport/test_socket_watched.py::test_reading_on",),
    ),
    Guard(
        "many pieces are joined",
        "_transport/socket.py",
        "        if len(pieces) > MAX_IOVECS:",
        "        if False:",
        ("transport/test_socket.py::test_few_pieces_are_not_joined",),
    ),
    Guard(
        "a socket that would block is waited for",
        "_transport/socket.py",
        (
            "        except BlockingIOError:\n"
            "            self._more_to_read = False\n"
            "            return None"
        ),
        (
            "        except BlockingIOError:\n"
            "            self._more_to_read = False\n"
            "            return b''"
        ),
        ("transport/test_socket.py::test_reading_on_where_nothing_is_left",),
    ),
    Guard(
        "an end without close-notify is an end",
        "_transport/stream.py",
        (
            "            if isinstance(error.__cause__, ssl.SSLEOFError):\n"
            '                return b""\n'
        ),
        "",
        ("transport/test_stream.py::test_end_without_close_notify",),
    ),
    Guard(
        "what a stream gives too much is kept",
        "_transport/stream.py",
        "        self._surplus = data[count:] or NOTHING\n",
        "",
        ("transport/test_stream.py::test_more_than_was_asked_for",),
        hangs=True,
    ),
    Guard(
        "a silent stream gets one record at a time",
        "_transport/stream.py",
        "        piece = data[: TLS_RECORD if self._below is None else READ_SIZE]",
        "        piece = data",
        ("transport/test_stream.py::test_progress_of_other_streams",),
    ),
    Guard(
        "a stream that cannot close politely is closed",
        "_transport/stream.py",
        (
            "        with suppress(OSError, trio.BrokenResourceError):\n"
            "            await self._stream.aclose()"
        ),
        "        await self._stream.aclose()",
        ("transport/test_stream.py::test_ending_never_fails",),
    ),
    Guard(
        "bytes below TLS are signs of life",
        "_transport/tls.py",
        ("        if data:\n            self._on_arrival(trio.current_time())\n"),
        "",
        ("transport/test_tls.py::test_a_record_that_crawls_in",),
    ),
    Guard(
        "bytes that leave below TLS are progress",
        "_transport/tls.py",
        "            self._on_departure(trio.current_time())\n",
        "",
        ("transport/test_tls.py::test_a_link_that_is_stuck",),
    ),
    Guard(
        "an alert is bounded",
        "_transport/tls.py",
        "    with trio.move_on_after(ALERT_LINGER), suppress",
        "    with suppress",
        ("transport/test_tls_choice_alerts.py::test_a_client_that_stays",),
        hangs=True,
    ),
    Guard(
        "a socket that does not connect is closed",
        "_transport/tcp.py",
        (
            "        return trio.SocketStream(sock)\n"
            "    except BaseException:\n"
            "        sock.close()\n"
        ),
        ("        return trio.SocketStream(sock)\n    except BaseException:\n"),
        ("transport/test_tcp.py::test_refused_without_a_trace",),
    ),
    Guard(
        "an address that failed is forgotten in time",
        "_transport/address_order.py",
        (
            "            if failures and now - max(failures.values()) < FORGET_AFTER:\n"
            "                break"
        ),
        ("            if failures:\n                break"),
        ("transport/test_address_order.py::test_nothing_is_left",),
    ),
    Guard(
        "an address that failed comes last",
        "_transport/address_order.py",
        "return sorted(addresses, key=lambda address: failures.get(address, -1.0))",
        "return list(addresses)",
        ("transport/test_address_order.py::test_failures_go_last",),
    ),
    Guard(
        "an address that works is forgiven",
        "_transport/address_order.py",
        "            failures.pop(address, None)\n",
        "            pass\n",
        ("transport/test_address_order.py::test_success",),
    ),
    Guard(
        "the context is made once",
        "_transport/default_context.py",
        "        if not _made:\n",
        ("        if True:\n            _made.clear()\n"),
        ("transport/test_default_context.py::test_one_for_all",),
    ),
    Guard(
        "a socket joins the tail when something has come",
        "_transport/socket.py",
        "                await self._readable()\n                data = self._read(tail())\n",
        (
            "                joined = tail()\n"
            "                await self._readable()\n"
            "                data = self._read(joined)\n"
        ),
        ("transport/test_socket.py::test_the_tail_is_joined_late",),
    ),
    Guard(
        "any stream joins the tail when something has come",
        "_transport/base.py",
        "        data = await self.receive_some()\n        return tail() + data if data else data",
        (
            "        joined = tail()\n"
            "        data = await self.receive_some()\n"
            "        return joined + data if data else data"
        ),
        ("connection/test_incoming_message.py::test_a_frame_that_waits_for_its_rest",),
    ),
    Guard(
        "the reader's tail may be taken by a stream",
        "_connection/reader.py",
        "receive_behind(self._protocol.tail)",
        "receive_behind(self._protocol.unparsed.__bytes__)",
        ("connection/test_incoming_message.py::test_a_frame_that_waits_for_its_rest",),
    ),
]
