"""`trio_ws._transport.address_order`: which address of a host to try first."""

from __future__ import annotations

from trio_ws._transport.address_order import FORGET_AFTER, AddressOrder, current_address_order

ALL = ["10.0.0.1", "10.0.0.2", "::1"]


def test_the_order_of_the_system() -> None:
    """Without failures the order stays as it is."""
    order = AddressOrder()
    assert order.sort("h", 80, ALL) == ALL
    assert not order.has_failures("h", 80, 0)


def test_failures_go_last() -> None:
    """An address that failed comes after the others, and the one that failed last, last."""
    order = AddressOrder()
    order.failed("h", 80, "10.0.0.1", 0)
    assert order.has_failures("h", 80, 1)
    assert order.sort("h", 80, ALL) == ["10.0.0.2", "::1", "10.0.0.1"]
    order.failed("h", 80, "10.0.0.2", 2)
    order.failed("h", 80, "::1", 3)
    assert order.sort("h", 80, ALL) == ALL
    order.failed("h", 80, "10.0.0.1", 4)
    assert order.sort("h", 80, ALL) == ["10.0.0.2", "::1", "10.0.0.1"]


def test_another_port() -> None:
    """Each port of a host is by itself."""
    order = AddressOrder()
    order.failed("h", 80, "10.0.0.1", 0)
    assert not order.has_failures("h", 81, 0)
    assert order.sort("h", 81, ALL) == ALL


def test_success() -> None:
    """An address that works is as good as the others again."""
    order = AddressOrder()
    order.failed("h", 80, "10.0.0.1", 0)
    order.worked("h", 80, "10.0.0.1")
    order.worked("h", 80, "10.0.0.2")
    order.worked("i", 80, "10.0.0.2")
    assert order.sort("h", 80, ALL) == ALL
    assert not order.has_failures("h", 80, 0)


def test_nothing_is_left() -> None:
    """Failures are forgotten after a while, those of hosts that never come again, too."""
    order = AddressOrder()
    for number in range(100):
        order.failed(f"h{number}", 80, "10.0.0.1", number)
    assert len(order._failures) == 100
    order.failed("h", 80, "10.0.0.1", FORGET_AFTER + 50)
    assert len(order._failures) == 50
    assert not order.has_failures("h", 80, 2 * FORGET_AFTER + 50)
    assert order._failures == {}


async def test_one_for_a_run() -> None:
    """All clients of a Trio run share what they found out."""
    assert current_address_order() is current_address_order()
