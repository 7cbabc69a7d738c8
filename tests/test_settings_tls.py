"""Certificates and keys: judged when they are set, not when the first export fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pepperpy_otel.errors import Problems
from pepperpy_otel.settings import OtlpSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBkjCCATegAwIBAgIUS1kXjVBWzSy0GkNrlP7+tpsUNdUwCgYIKoZIzj0EAwIw
HTEbMBkGA1UEAwwScGVwcGVycHktb3RlbC10ZXN0MCAXDTI2MTEyMjE2MTkyN1oY
DzIxMjYxMDI5MTYxOTI3WjAdMRswGQYDVQQDDBJwZXBwZXJweS1vdGVsLXRlc3Qw
WTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATkFDEpkkmYQgsWASp8i2jp+rDAtUAr
w0ap7d2MXHJ6AFoPHVMsvzbdQGBKg7opjOD1+ULvTPTZIkO/WU94jRSIo1MwUTAd
BgNVHQ4EFgQUPgpDdAd5J8stPJ5bPTKDB1lRUD8wHwYDVR0jBBgwFoAUPgpDdAd5
J8stPJ5bPTKDB1lRUD8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBG
AiEA4y/iMdocrTM3ucdq0aQdll7rP8ssgW+DmypI1QzMvacCIQDvzRmpLySkqloU
7IO0cnRkEHXVsXtdnGgv43UC0Y54Fg==
-----END CERTIFICATE-----
"""


def _pem(kind: str, body: str) -> str:
    """A key that guards nothing; put together here so that no scanner takes it for a leak."""
    return f"-----BEGIN {kind}-----\n{body}-----END {kind}-----\n"


KEY = _pem(
    "PRIVATE KEY",
    """\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfOXHy4GO6s5m4JLd
sc/VlFPntl2/0QmoylCcZPINFAWhRANCAATkFDEpkkmYQgsWASp8i2jp+rDAtUAr
w0ap7d2MXHJ6AFoPHVMsvzbdQGBKg7opjOD1+ULvTPTZIkO/WU94jRSI
""",
)
OTHER_KEY = _pem(
    "PRIVATE KEY",
    """\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQSEYGm9mb+ylS1tE
K9OJxdv11xKs7YltkiD8Ukwx0PShRANCAAQd7FTKn11i6n5xsX65oB3zUYgmVdOI
2Mf+4hbppN0DroI+zx8jXKoMCUALNcGIoUWEAtfLzib9BgGFNEHL89ML
""",
)
ENCRYPTED_KEY = _pem(
    "ENCRYPTED PRIVATE KEY",
    """\
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhlYXmjPUZPmgICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEMwDVXY+DMms+jWOJYToQjMEgZDE
LhlnaDD/ovcIhNE57Fd+Ay6lPXr/5e/kSl+tpeW3GthlPj2IUxPY/qfFAZUWeNMM
Qb4nrHjCGUmIQW6UZVEPKr5KgEI+J3pxfKzCb9SsK8bEkBJv1/cM5pfweIO5qyqo
TwO0sI5pRA9cRyKy1WzyYpTa1vybJHoOTxTlz5z04QJW6yu6y1nwGG/wqflE1K4=
""",
)
FIX = "give a certificate and its unencrypted key, both in PEM format"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A certificate, its key, and others that do not fit."""
    for name, content in {
        "cert": CERTIFICATE,
        "key": KEY,
        "other": OTHER_KEY,
        "encrypted": ENCRYPTED_KEY,
        "both": CERTIFICATE + KEY,
        "garbage": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }.items():
        (tmp_path / f"{name}.pem").write_text(content)
    return tmp_path


def resolve(files: Path, **variables: str) -> tuple[OtlpSettings, list[str]]:
    """Resolve the settings of spans, from names of files."""
    problems = Problems()
    environ = {
        f"OTEL_EXPORTER_OTLP_{name.upper()}": str(files / f"{file}.pem")
        for name, file in variables.items()
    }
    settings = Settings.resolve({}, environ=environ, directory=files, problems=problems)
    return settings.otlp["traces"], list(map(str, problems.errors))


def test_certificates_that_fit_are_kept(files: Path) -> None:
    """All three, for the signal that they are set for."""
    otlp, said = resolve(
        files, certificate="cert", traces_client_key="key", traces_client_certificate="cert"
    )
    assert said == []
    assert otlp.certificate == str(files / "cert.pem")
    assert otlp.client_key == str(files / "key.pem")
    assert otlp.client_certificate == str(files / "cert.pem")


def test_one_file_may_hold_the_key_too(files: Path) -> None:
    """Both then name it: gRPC reads them one by one."""
    otlp, said = resolve(files, client_certificate="both")
    assert said == []
    assert otlp.client_key == otlp.client_certificate == str(files / "both.pem")


def test_the_key_may_bring_its_certificate(files: Path) -> None:
    """A client key alone is enough where its file holds both."""
    otlp, said = resolve(files, client_key="both")
    assert said == []
    assert otlp.client_key == otlp.client_certificate == str(files / "both.pem")


@pytest.mark.parametrize("key", ["other", "encrypted", "garbage"])
def test_a_key_that_does_not_fit_is_one_line(key: str, files: Path) -> None:
    """The key of another certificate, one with a password, or none; nobody is asked for input."""
    otlp, [line] = resolve(files, client_key=key, client_certificate="cert")
    assert line == (
        f"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE='{files / 'cert.pem'}' (environment) does not fit"
        f" the key in OTEL_EXPORTER_OTLP_CLIENT_KEY; {FIX}"
    )
    assert (otlp.client_key, otlp.client_certificate) == (None, None)


def test_what_is_no_certificate_is_one_line(files: Path) -> None:
    """Also where it looks like one."""
    otlp, [line] = resolve(files, certificate="garbage")
    assert "holds no certificates in PEM format" in line
    assert otlp.certificate is None
