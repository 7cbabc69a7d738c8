from __future__ import annotations

import ssl
from typing import Any

import certifi
import pytest

from pepperpy_otel.delivery import OtlpEndpoint
from pepperpy_otel.delivery.proxies import Proxy, basic, proxy_for, tls_context


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name.upper()}_PROXY", raising=False)


def test_without_a_setting_there_is_no_proxy() -> None:
    """The connection is direct."""
    assert proxy_for("http://host:4318/v1/traces") is None


@pytest.mark.parametrize(
    ("variable", "value", "url", "proxy"),
    [
        ("HTTP_PROXY", "http://squid:3128", "http://host/v1", Proxy("squid", 3128)),
        ("HTTPS_PROXY", "http://squid:3128/", "https://host/v1", Proxy("squid", 3128)),
        ("https_proxy", "squid", "https://host/v1", Proxy("squid", 80)),
        ("ALL_PROXY", "http://squid:1", "http://host/v1", Proxy("squid", 1)),
        ("HTTPS_PROXY", "http://squid:3128", "http://host/v1", None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, url: str, proxy: Proxy | None
) -> None:
    """By the scheme of the URL, with or without a scheme of its own."""
    monkeypatch.setenv(variable, value)
    assert proxy_for(url) == proxy


@pytest.mark.parametrize("hosts", ["*", "host", "other,host:4318", ".local,host"])
def test_no_proxy_leaves_hosts_out(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    """By name, with or without the port."""
    monkeypatch.setenv("HTTP_PROXY", "http://squid:3128")
    monkeypatch.setenv("NO_PROXY", hosts)
    assert proxy_for("http://user@host:4318/v1/traces") is None
    if hosts != "*":
        assert proxy_for("http://elsewhere:4318/v1/traces") is not None


def test_a_proxy_may_ask_for_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """User and password of its URL become a header, and are not shown."""
    monkeypatch.setenv("HTTP_PROXY", "http://me:p%40ss@squid:3128")
    proxy = proxy_for("http://host/")
    assert proxy is not None
    assert proxy.headers == {"Proxy-Authorization": "Basic bWU6cEBzcw=="}
    assert str(proxy) == "squid:3128"


@pytest.mark.parametrize("value", ["socks5://squid:1080", "https://squid", "http://"])
def test_other_kinds_of_proxy_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """What we cannot go through is an error, not a way around it."""
    monkeypatch.setenv("HTTP_PROXY", value)
    with pytest.raises(ValueError, match="not supported; use http://"):
        proxy_for("http://host/")


def test_basic_credentials_are_those_of_the_url() -> None:
    """Percent signs are taken back; a password may be missing."""
    assert basic("a%3A", None) == "Basic YTo6"


def subjects(context: ssl.SSLContext) -> list[Any]:
    """Of the authorities that are trusted."""
    return [certificate["subject"] for certificate in context.get_ca_certs()]


def test_tls_trusts_the_given_authority_and_no_other(certificates: Any) -> None:
    """A certificate file replaces the system's authorities."""
    context = tls_context(OtlpEndpoint("https://host", certificate=certificates.ca))
    assert subjects(context) == [((("commonName", "test authority"),),)]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_tls_takes_a_directory_of_authorities(certificates: Any) -> None:
    """A directory is read when it is needed, as OpenSSL does."""
    directory = str(certificates.directory)
    context = tls_context(OtlpEndpoint("https://host", certificate=directory))
    assert subjects(context) == []
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_tls_without_an_authority_trusts_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python knows of none, those that come with requests serve."""
    endpoint = OtlpEndpoint("https://host")
    assert tls_context(endpoint).verify_mode is ssl.CERT_REQUIRED
    nothing = ssl.get_default_verify_paths()._replace(cafile=None, capath=None)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    expected = ssl.create_default_context(cafile=certifi.where())
    assert len(subjects(tls_context(endpoint))) >= len(subjects(expected)) > 0


@pytest.mark.parametrize("field", ["certificate", "client_certificate"])
def test_a_file_that_is_no_certificate_is_an_error(tmp_path: Any, field: str) -> None:
    """Nothing is sent without the protection that was asked for."""
    path = tmp_path / "x.pem"
    for content in (None, "nonsense"):
        if content is not None:
            path.write_text(content)
        with pytest.raises(OSError):
            tls_context(OtlpEndpoint("https://host", **{field: str(path)}))
