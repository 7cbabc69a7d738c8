"""DNS: the question as the C library would put it, with a deadline."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003

import pytest

from pepperpy_otel.health import HealthStatus, probes
from pepperpy_otel.health.probes.names import Resolver, question
from tests.health.probes.servers import LOOPBACK, udp_server
from tests.ports import free_port


def _name(message: bytes) -> str:
    labels, rest = [], message[12:]
    while rest[0]:
        labels.append(rest[1 : 1 + rest[0]].decode())
        rest = rest[1 + rest[0] :]
    return ".".join(labels)


def _reply(message: bytes, *, code: int = 0, answers: int = 0, cut: bool = False) -> bytes:
    flags = 0x8180 | code | (0x0200 if cut else 0)
    head = flags.to_bytes(2, "big") + b"\x00\x01" + answers.to_bytes(2, "big") + b"\0\0\0\0"
    return message[:2] + head + message[12:]


def _conf(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_name_that_is_known_is_healthy() -> None:
    """Answers of others (wrong number, no answer at all) are passed over."""
    asked = []

    def answer(message: bytes) -> list[bytes]:
        asked.append(_name(message))
        return [b"xy" + _reply(message)[2:], b"short", message, _reply(message, answers=2)]

    with udp_server(answer) as port:
        probe = probes.dns("db.example.org.", servers=[f"{LOOPBACK}:{port}"])
        result = probe()
        probe.close()
    assert result.status is HealthStatus.HEALTHY
    assert result.reason == "2 records"
    assert asked == ["db.example.org"]


@pytest.mark.parametrize(
    ("code", "said"), [(3, "NXDOMAIN"), (0, "no such record"), (2, "SERVFAIL"), (9, "9")]
)
def test_a_name_that_is_not_known_is_unhealthy(code: int, said: str) -> None:
    """The server's word in the reason."""
    with udp_server(lambda message: [_reply(message, code=code)]) as port:
        result = probes.dns("db.", record="AAAA", servers=[f"{LOOPBACK}:{port}"])()
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason == f"dns AAAA db.: {LOOPBACK}:{port}: {said}"


def test_an_answer_that_was_cut_short_is_an_answer() -> None:
    """More records than a datagram holds: the name is there."""
    with udp_server(lambda message: [_reply(message, cut=True)]) as port:
        assert probes.dns("db.", servers=[f"{LOOPBACK}:{port}"])().status is HealthStatus.HEALTHY


def test_the_next_server_is_asked_when_one_is_dead() -> None:
    """As the C library does."""
    with udp_server(lambda message: [_reply(message, answers=1)]) as port:
        servers = [f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{port}"]
        assert probes.dns("db.", servers=servers)().status is HealthStatus.HEALTHY


def test_a_dead_server_and_one_that_refuses_are_unhealthy() -> None:
    """The last problem is told."""
    with udp_server(lambda message: [_reply(message, code=5)]) as port:
        servers = [f"{LOOPBACK}:{free_port()}", f"{LOOPBACK}:{port}"]
        result = probes.dns("db.", servers=servers)()
    assert result.reason.endswith("REFUSED")


def test_silent_servers_fail_in_time() -> None:
    """The time is shared out."""
    with udp_server(lambda message: []) as port:
        servers = [f"{LOOPBACK}:{port}", f"{LOOPBACK}:{port}"]
        started = time.monotonic()
        result = probes.dns("db.", servers=servers, timeout=0.3)()
        assert time.monotonic() - started < 3
    assert result.status is HealthStatus.UNHEALTHY
    assert result.reason == "dns A db.: no answer within 0.3 s"


def test_a_short_name_is_tried_with_the_search_list(tmp_path: Path) -> None:
    """Names of Kubernetes services are short."""
    asked = []

    def answer(message: bytes) -> list[bytes]:
        asked.append(_name(message))
        found = _name(message) == "db.svc.cluster.local"
        return [_reply(message, answers=1) if found else _reply(message, code=3)]

    conf = _conf(
        tmp_path / "resolv.conf", "search shop.svc.cluster.local svc.cluster.local\noptions ndots:5"
    )
    with udp_server(answer) as port:
        probe = probes.dns("db", servers=[f"{LOOPBACK}:{port}"], resolv_conf=conf)
        assert probe().status is HealthStatus.HEALTHY
    assert asked == ["db.shop.svc.cluster.local", "db.svc.cluster.local"]


def test_resolv_conf_is_read_as_the_c_library_reads_it(tmp_path: Path) -> None:
    """Comments, unknown words and bad numbers are passed over; defaults where nothing is said."""
    text = (
        "# x\n\nnameserver\nnameserver 10.0.0.2\nnameserver fe80::1\ndomain a.\noptions ndots:x\n"
    )
    found = Resolver.read(_conf(tmp_path / "a", text))
    assert found == Resolver(("10.0.0.2", "fe80::1"), ("a.",), 1)
    assert found.tried("db") == ["db.a.", "db."]
    assert found.tried("db.x") == ["db.x.", "db.x.a."]
    assert found.tried("db.") == ["db."]
    assert Resolver.read(str(tmp_path / "none")) == Resolver()
    found = Resolver.read(_conf(tmp_path / "b", "options rotate ndots:5 timeout:1"))
    assert (found.servers, found.ndots) == (("127.0.0.1",), 5)


def test_the_servers_of_resolv_conf_are_asked(tmp_path: Path) -> None:
    """An address of version 6 too; nobody is there."""
    conf = _conf(tmp_path / "resolv.conf", "nameserver ::1\n")
    result = probes.dns("db.", resolv_conf=conf, timeout=0.2)()
    assert result.status is HealthStatus.UNHEALTHY


def test_the_question_is_written_as_rfc_1035_says() -> None:
    """Header, labels, type, class."""
    assert question("db.ex.", 1, 0x1234) == (
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02db\x02ex\x00\x00\x01\x00\x01"
    )
    assert question("", 2, 0)[12:] == b"\x00\x00\x02\x00\x01"
    assert b"xn--mnchen-3ya" in question("münchen", 1, 0)


@pytest.mark.parametrize("name", ["a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_a_name_that_dns_cannot_hold_is_refused(name: str) -> None:
    """At construction."""
    with pytest.raises(ValueError, match="name="):
        probes.dns(name)


def test_an_unknown_record_is_refused_and_the_root_can_be_asked() -> None:
    """The error lists the known ones."""
    with pytest.raises(ValueError, match="AAAA"):
        probes.dns("db", record="ANY")
    assert probes.dns(".", record="NS").target == "dns NS ."
