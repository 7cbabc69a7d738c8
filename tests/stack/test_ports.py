"""Taken ports: which, by whom, and what to do."""

from __future__ import annotations

import errno
import os
import socket

import psutil
import pytest

from pepperpy_otel.stack import ports
from pepperpy_otel.stack.errors import StackError
from tests.ports import free_port


@pytest.fixture
def listener():
    """A port on which this process listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_who_has_it(listener):
    """Program and pid."""
    me = psutil.Process()

    assert ports.holder(listener) == f"{me.name()} (pid {os.getpid()})"


def test_others_can_be_seen_by_root_only(listener, monkeypatch):
    """macOS: then it is another program."""

    def refuse(kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)

    assert ports.holder(listener) == "another program"


def test_a_socket_without_a_pid(listener, monkeypatch):
    """Linux tells that somebody listens, and not who, when it is another user."""
    (mine,) = [
        each for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port == listener
    ]
    others = [mine._replace(laddr=()), mine._replace(pid=None)]
    monkeypatch.setattr(psutil, "net_connections", lambda kind: others)

    assert ports.holder(listener) == "a program of another user"


def test_nobody_has_it():
    """It may have become free meanwhile."""
    assert ports.holder(free_port()) == "another program"


def test_check(listener):
    """The port, whose it is in the stack, who has it, and what changes it."""
    numbers = {"loki": listener}

    ports.check("127.0.0.1", numbers, ["nothing"])
    with pytest.raises(StackError) as error:
        ports.check("127.0.0.1", numbers, ["loki"])

    assert str(error.value) == (
        f"port {listener} on 127.0.0.1 (Loki) is taken by {ports.holder(listener)}; "
        "choose another one: STACK_LOKI_PORT=… or --port loki=…"
    )


def test_a_port_that_may_not_be_used(monkeypatch):
    """A privileged one, or an address that is not this machine's: the system's own words."""
    monkeypatch.setattr(socket, "create_server", lambda *a, **k: (_ for _ in ()).throw(denied()))

    with pytest.raises(StackError, match=r"port 80 on 127.0.0.1 \(Jaeger\) cannot be used \(Perm"):
        ports.check("127.0.0.1", {"jaeger": 80}, ["jaeger"])


def denied():
    """What binding a privileged port raises."""
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_address_of_version_6():
    """STACK_BIND=::1 is looked at as such."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
            number = server.getsockname()[1]
            assert not ports.is_free("::1", number)
    except OSError:
        pytest.skip("no ::1 here")


def test_the_next_free_port(listener):
    """Neither one that is taken nor one that is spoken for."""
    free = ports.next_free("127.0.0.1", listener, ())

    assert free > listener
    assert ports.next_free("127.0.0.1", listener, [free]) > free
