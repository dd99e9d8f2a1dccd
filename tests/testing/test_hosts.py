"""The map of a simulated network: names, addresses, lines."""

from __future__ import annotations

import math
from typing import Any

import pytest

from trio_ws.testing._hosts import Directory, Partitions, Route
from trio_ws.testing._passage import Conditions


def test_names_and_addresses() -> None:
    """A host is found by its name, whatever the case, and by its address."""
    hosts = Directory()
    api, other = hosts.add("API.example"), hosts.add("other.example")
    assert hosts.add("api.example") is api
    assert hosts.find("Api.Example") is api
    assert hosts.find(other.address) is other
    assert hosts.find("10.9.9.9") is None
    assert hosts.get("api.example") is api
    assert api.address != other.address
    assert [host.name for host in hosts] == ["api.example", "other.example"]


def test_a_name_is_text() -> None:
    """What is none is refused, and not looked up."""
    nothing: Any = 5
    with pytest.raises(TypeError, match="host must be a str, not a value of type int"):
        Directory().get(nothing)


def test_a_host_moves() -> None:
    """Its name leads to the new address, and the old one nowhere."""
    hosts = Directory()
    api = hosts.add("api.example")
    old, new = api.address, hosts.new_address()
    api.move_to(new)
    assert hosts.find(new) is api
    assert hosts.find(old) is None


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_host_may_be_an_address(address: str) -> None:
    """Then that is where it is."""
    assert Directory().add(address).address == address


def test_a_thousand_addresses() -> None:
    """No two hosts have the same."""
    hosts = Directory()
    found = {hosts.new_address() for _ in range(1000)}
    assert len(found) == 1000
    assert all(0 < int(part) < 255 for address in found for part in address.split(".")[3:])


def test_a_host_that_is_not_there() -> None:
    """The message says which there are, and which was meant perhaps."""
    hosts = Directory()
    with pytest.raises(ValueError, match="this network has no host 'x'; its hosts are: none yet"):
        hosts.get("x")
    hosts.add("api.example")
    hosts.add("client")
    with pytest.raises(
        ValueError,
        match=r"no host 'api.exmaple'; did you mean 'api.example'\? "
        r"its hosts are: api.example, client \(",
    ):
        hosts.get("api.exmaple")


def test_ports() -> None:
    """Each connection that a host makes has a port of its own."""
    host = Directory().add("client")
    assert [host.take_port() for _ in range(3)] == [49152, 49153, 49154]


def test_a_route_is_two_lines() -> None:
    """What is slow at either end is slow, and all routes share the lines."""
    hosts = Directory()
    a, b, c = hosts.add("a"), hosts.add("b"), hosts.add("c")
    a.outward.change(Conditions(latency=1, bandwidth=100))
    b.inward.change(Conditions(latency=2, bandwidth=50))
    partitions = Partitions()
    there, back = Route(a, b, partitions), Route(b, a, partitions)
    assert there.conditions() == Conditions(latency=3, bandwidth=50)
    assert there.conditions() is there.conditions()  # added up once
    b.inward.change(Conditions(latency=4, bandwidth=50))
    assert there.conditions() == Conditions(latency=5, bandwidth=50)
    b.inward.change(Conditions(latency=2, bandwidth=50))
    assert back.conditions() == Conditions()
    assert back.reserve(1000, 7) == 7
    assert there.reserve(100, 10) == 12
    assert Route(a, c, partitions).reserve(100, 10) == 12  # a's line is taken until 11


def test_partitions() -> None:
    """They lie between two hosts, one way, until their time or until they are healed."""
    hosts = Directory()
    a, b, c = hosts.add("a"), hosts.add("b"), hosts.add("c")
    partitions = Partitions()
    partitions.add(a, b, until=5)
    partitions.add(c, a, until=math.inf)
    there, back = Route(a, b, partitions), Route(b, a, partitions)
    assert [there.held_until(now) for now in (0, 5, 6)] == [5, 5, 6]
    assert back.held_until(0) == 0
    assert Route(c, a, partitions).held_until(0) == math.inf
    partitions.heal(b)
    assert there.held_until(0) == 0
    assert Route(c, a, partitions).held_until(0) == math.inf
