"""Secrets that nobody uses, made anew from a seed, each in a text as apps write it."""

from __future__ import annotations

import base64
import json
import random
import string
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_random = random.Random(20261122)
_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"


class Secret(NamedTuple):
    """What must not leave, and a text that holds it."""

    kind: str
    secret: str
    text: str


def some(length: int, alphabet: str = _ALNUM) -> str:
    """Characters of which one at least is a digit and one a letter, where there are such."""
    while True:
        made = "".join(_random.choice(alphabet) for _ in range(length))
        mixed = any(c.isdigit() for c in made) and any(c.isalpha() for c in made)
        if alphabet != _ALNUM or mixed:
            return made


def _segment(claims: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def jwt() -> str:
    """A JSON web token."""
    header = _segment({"alg": "HS256", "typ": "JWT"})
    return f"{header}.{_segment({'sub': some(12)})}.{some(43)}"


def card() -> str:
    """The number of a card."""
    prefix, length = _random.choice([("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("6011", 16)])
    digits = prefix + some(length - len(prefix) - 1, string.digits)
    total = sum(
        sum(divmod(int(digit) * (2 if place % 2 == 0 else 1), 10))
        for place, digit in enumerate(reversed(digits))
    )
    return digits + str(-total % 10)


def private_key() -> str:
    """The block of a private key."""
    kind = _random.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "])
    lines = "\n".join(some(64) for _ in range(3))
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{lines}\n-----END {kind}PRIVATE KEY-----"


#: Formats that can be told by their looks.
TOKENS: dict[str, Callable[[], str]] = {
    "github": lambda: f"gh{_random.choice('pousr')}_{some(36)}",
    "github-fine": lambda: f"github_pat_{some(22)}_{some(59)}",
    "gitlab": lambda: f"glpat-{some(20)}",
    "slack": lambda: f"xox{_random.choice('bp')}-{some(12, string.digits)}-{some(24)}",
    "slack-app": lambda: f"xapp-1-{some(11)}-{some(13, string.digits)}",
    "stripe": lambda: f"{_random.choice(['sk_live', 'rk_live', 'sk_test'])}_{some(24)}",
    "stripe-hook": lambda: f"whsec_{some(32)}",
    "aws": lambda: _random.choice(["AKIA", "ASIA"]) + some(16, string.ascii_uppercase + "234567"),
    "google": lambda: f"AIza{some(35)}",
    "google-oauth": lambda: f"ya29.{some(60)}",
    "google-secret": lambda: f"GOCSPX-{some(28)}",
    "npm": lambda: f"npm_{some(36)}",
    "pypi": lambda: f"pypi-AgEIcHlwaS5vcmc{some(60)}",
    "sendgrid": lambda: f"SG.{some(22)}.{some(43)}",
    "openai": lambda: f"sk-{some(48)}",
    "openai-project": lambda: f"sk-proj-{some(40)}",
    "anthropic": lambda: f"sk-ant-api03-{some(60)}",
    "huggingface": lambda: f"hf_{some(34)}",
    "digitalocean": lambda: f"dop_v1_{some(64, _HEX)}",
    "shopify": lambda: f"shpat_{some(32, _HEX)}",
    "square": lambda: f"sq0atp-{some(22)}",
    "databricks": lambda: f"dapi{some(32, _HEX)}",
    "atlassian": lambda: f"ATATT3xFfGF0{some(40)}",
    "vault": lambda: f"hvs.{some(28)}",
    "grafana": lambda: f"glsa_{some(32)}_{some(8, _HEX)}",
    "newrelic": lambda: f"NRAK-{some(27, string.ascii_uppercase + string.digits)}",
    "telegram": lambda: f"{_random.randrange(10**9, 10**10)}:AA{some(33)}",
    "mailgun": lambda: f"key-{some(32, _HEX)}",
    "docker": lambda: f"dckr_pat_{some(27)}",
    "brevo": lambda: f"xkeysib-{some(64, _HEX)}-{some(16)}",
    "linear": lambda: f"lin_api_{some(40)}",
    "age": lambda: f"AGE-SECRET-KEY-1{some(58, string.ascii_uppercase + string.digits)}",
    "slack-hook": lambda: f"hooks.slack.com/services/T{some(8)}/B{some(8)}/{some(24)}",
    "discord-hook": lambda: f"discord.com/api/webhooks/{some(18, string.digits)}/{some(60)}",
    "jwt": jwt,
}
#: Where only what stands before a secret tells that it is one.
TEXTS: dict[str, Callable[[str], str]] = {
    "assignment": lambda s: f"connecting with password={s} as bob",
    "colon": lambda s: f"Password: {s}",
    "json": lambda s: json.dumps({"user": "bob", "api_key": s, "n": 1}),
    "json-in-json": lambda s: json.dumps({"body": json.dumps({"client_secret": s})}),
    "repr": lambda s: repr({"user": "bob", "access_token": s}),
    "env": lambda s: f"DB_PASSWORD={s}\nDEBUG=1",
    "prefixed": lambda s: f"PGPASSWORD={s} psql",
    "dsn": lambda s: f"host=db port=5432 user=bob password={s} dbname=shop",
    "odbc": lambda s: f"Driver=x;Server=db;Uid=bob;Pwd={s};Database=shop",
    "azure": lambda s: f"AccountName=x;AccountKey={s}==;EndpointSuffix=core",
    "url": lambda s: f"cannot reach postgresql://bob:{s}@db.internal:5432/shop",
    "url-user": lambda s: f"redis://:{s}@cache:6379/0 timed out",
    "url-token": lambda s: f"clone https://{s}{s}@git.example.com/x.git",
    "oracle": lambda s: f"jdbc:oracle:thin:scott/{s}@//db:1521/x",
    "go": lambda s: f"bob:{s}@tcp(db:3306)/shop",
    "query": lambda s: f"GET https://api.example.com/v1/x?page=2&access_token={s}&sort=up",
    "query-first": lambda s: f"/v1/x?token={s}",
    "signed": lambda s: f"https://b.example.com/o?X-Amz-Signature={s}&X-Amz-Expires=60",
    "sas": lambda s: f"https://a.example.com/o?sv=2020&sig={s}%3D&se=x",
    "encoded": lambda s: f"/login?next={quote(f'https://bob:{s}@h/', safe='')}",
    "encoded-name": lambda s: f"/login?p%61ssword={s}&x=1",
    "encoded-twice": lambda s: f"/x?u={quote(quote(f'password={s}', safe=''), safe='')}",
    "bearer": lambda s: f"sent Authorization: Bearer {s}",
    "token-scheme": lambda s: f"{{'Authorization': 'Token {s}', 'Accept': '*/*'}}",
    "basic": lambda s: f"authorization=Basic {base64.b64encode(s.encode()).decode()}#{s}",
    "cookie": lambda s: f"Cookie: theme=dark; sid={s}; lang=en",
    "set-cookie": lambda s: f"Set-Cookie: id={s}; Path=/; HttpOnly",
    "raw-headers": lambda s: f"[(b'host', b'x'), (b'authorization', b'Custom {s}')]",
    "x-api-key": lambda s: f"X-Api-Key: {s}",
    "option": lambda s: f"mysqldump --user bob --password {s} shop",
    "option-equals": lambda s: f"tool --auth-token={s} run",
    "sql": lambda s: f"ALTER ROLE bob WITH PASSWORD '{s}'",
    "sql-identified": lambda s: f"CREATE USER bob IDENTIFIED BY '{s}'",
    "cut-off": lambda s: f'{{"password": "{s}',
    "yaml": lambda s: f"user: bob\n  secret: {s}\n",
    "comma": lambda s: f"password={s},x{s}",
    "in-brackets": lambda s: f"Config(user=bob, secret_key={s})",
    "list": lambda s: json.dumps({"secrets": [s, "b"]}),
}


def everything() -> list[Secret]:
    """All of them, some kinds several times."""
    found = []
    for kind, make in TOKENS.items():
        for shape in ("{}", "using {} for it", '{{"value": "{}"}}'):
            secret = make()
            found.append(Secret(kind, secret, shape.format(secret)))
    for kind, write in TEXTS.items():
        for length in (10, 24):
            secret = some(length)
            found.append(Secret(kind, secret, write(secret)))
    for shape in ("{}", "paid with {} today", "card={}"):
        for _ in range(5):
            secret = card()
            found.append(Secret("card", secret, shape.format(secret)))
    for separator in " -":
        secret = separator.join(["4111", *["1111"] * 3])
        found.append(Secret("card-grouped", secret, f"card {secret}, thanks"))
    for shape in ("{}", "loaded\n{}\n", "cut {:.120}"):
        for _ in range(3):
            secret = private_key()
            found.append(Secret("private-key", secret.split("\n")[1], shape.format(secret)))
    return found


#: Values as they are everywhere, which must stay.
ORDINARY = (
    *("9f1c2f0e-7a5b-4b3d-9a58-1d0c7a3f5e21", "4bf92f3577b34da6a3ce929d0e0e4736"),
    *("00f067aa0ba902b7", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    *("2026-11-22T22:45:51.033086+00:00", "1795387551", "1795387551033", "1795387551033086"),
    *("1795387551033086123", "3ea61b0c9d2f4e5a6b7c8d9e0f1a2b3c4d5e6f70", "03ea61b", "v1.45.1"),
    *("2.13.0-rc.1+build.5", "ORD-2026-000123", "4000000000001234", "order 4111111111111112"),
    *("10.0.12.7:5432", "fe80::1", "192.168.0.1", "a1:b2:c3:d4:e5:f6", "application/json"),
    *("text/html; charset=utf-8", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
    *("SELECT id, name FROM orders WHERE id = $1", "GET /api/v1/orders/{id}", "HTTP/1.1"),
    *("https://shop.example.com/orders?page=2&sort=up", "http://localhost:3000/@scope/pkg"),
    *("/usr/lib/python3.13/site-packages/x.py", "C:\\Users\\bob\\x.py", "s3://bucket/key/a.txt"),
    *("Basic authentication", "bearer of bad news", "unexpected token: end", "invalid token ')'"),
    *("monkey=1", "keyboard: qwerty", "author=bob", "design: new", "primary key: id"),
    *("token count: 512", "max_tokens=512", "the secretary said", "passenger 12", "compass: n"),
    *("user bob logged in", "Fehler: Zeitüberschreitung", "0x7f3a5c001000", "+49 30 1234567"),
    *("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "100%", "50 %"),
    *("https://de.example.org/wiki/%C3%9Cber?x=%20", "python-requests/2.32", "task-sk-1"),
    *("978-3-16-148410-0", "1234567890123", "DE89370400440532013000", "1.7976931348623157e+308"),
    *("arn:aws:s3:::my-bucket/key", "k8s.pod.uid", "pod-7d4b9c6f5-x2x9k", "i-0abcd1234efgh5678"),
    *("Mon, 22 Nov 2026 22:45:51 GMT", "en-US,en;q=0.9", 'W/"33a64df551425fcc"', "5h 3m 2s"),
    *("UPDATE users SET password = $1 WHERE token = ?", "SET password = %s, token = %(token)s"),
    *("SET password = :password, secret = @p1", "password={password}", "secret=${SECRET}"),
    *("password=None", '{"token": null, "credentials": {}}', "password=****", "api_key: '***'"),
    *("Traceback (most recent call last):", "KeyError: 'name'", "line 12, in <module>", ""),
)
#: Keys of the semantic conventions whose values must stay.
ORDINARY_KEYS = (
    *("http.request.method", "url.full", "session.id", "gen_ai.usage.input_tokens"),
    *("messaging.kafka.message.key", "aws.s3.key", "db.query.text", "enduser.id", "token_count"),
    *("password_length", "secret_name", "k8s.secret.name", "author", "keyboard", "cache.key"),
    *("gen_ai.token.type", "thread.name", "design", "passenger", "process.pid", "service.name"),
)
SECRET_KEYS = (
    *("password", "db.password", "PGPASSWORD", "userPassword", "client_secret", "clientSecret"),
    *("api_key", "apiKey", "x-api-key", "token", "access_token", "accessToken", "authtoken"),
    *("authorization", "http.request.header.authorization", "http.request.header.cookie"),
    *("http.response.header.set-cookie", "set_cookie", "private_key", "aws_secret_access_key"),
    *("credentials", "session_id", "password_hash", "token.value", "pwd", "auth", "PASSWORD2"),
)
