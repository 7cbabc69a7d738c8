"""The servers whose probes are tested for real: how each is started."""

import sys
from pathlib import Path

from pepperpy_otel.health.probes.names import question
from tests.integration.probes.daemon import Daemon, program
from tests.ports import LOOPBACK, free_port

CERTIFICATES = Path(__file__).parents[2] / "health" / "probes" / "certificates"
PASSWORD = "S3cr3t-of-the-probe"


def postgresql() -> Daemon:
    """PostgreSQL with a superuser ``probe`` who needs a password."""
    package = "apt-get install postgresql"
    return Daemon(
        "postgresql",
        [
            program("postgres", package),
            *("-D", "{directory}/data", "-p", "{port}", "-h", LOOPBACK, "-k", "{directory}"),
            *("-c", "fsync=off", "-c", "max_connections=20", "-c", "shared_buffers=16MB"),
        ],
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"N"),  # asks for TLS, which is off
        prepare=[
            [
                program("initdb", package),
                *("-D", "{directory}/data", "-U", "probe", "--no-sync"),
                *("-A", "scram-sha-256", "--pwfile={directory}/password"),
            ]
        ],
        files={"password": PASSWORD},
    )


def mariadb() -> Daemon:
    """MariaDB with a user ``probe`` who needs a password."""
    package = "apt-get install mariadb-server"
    sql = f"CREATE USER IF NOT EXISTS probe@'%' IDENTIFIED BY '{PASSWORD}';\n"
    return Daemon(
        "mariadb",
        [
            program("mariadbd", package),
            *("--no-defaults", "--datadir={directory}/data", "--socket={directory}/socket"),
            *("--port={port}", f"--bind-address={LOOPBACK}", "--pid-file={directory}/pid"),
            *("--init-file={directory}/init.sql", "--max-connect-errors=1000000"),
            *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M"),
        ],
        (b"", b"mysql_native_password"),
        prepare=[
            [
                program("mariadb-install-db", package),
                *("--no-defaults", "--datadir={directory}/data"),
                *("--auth-root-authentication-method=normal", "--skip-test-db"),
            ]
        ],
        files={"init.sql": sql},
    )


def redis() -> Daemon:
    """Redis that needs a password."""
    return Daemon(
        "redis",
        [
            program("redis-server", "apt-get install redis-server"),
            *("--port", "{port}", "--bind", LOOPBACK, "--dir", "{directory}"),
            *("--save", "", "--appendonly", "no", "--requirepass", PASSWORD),
        ],
        (b"PING\r\n", b"NOAUTH"),
    )


def rabbitmq() -> Daemon:
    """RabbitMQ with its default user guest, who may come from here."""
    package = "apt-get install rabbitmq-server"
    program("epmd", package)
    epmd, distribution = (free_port() for _ in range(2))
    # Its own port mapper as a child: else the broker starts one that outlives it.
    script = (
        f'epmd -port {epmd} -address {LOOPBACK} & "{program("rabbitmq-server", package)}"; kill %1'
    )
    return Daemon(
        "rabbitmq",
        ["bash", "-c", script],
        (b"AMQP\x00\x00\x09\x01", b"RabbitMQ"),
        env={
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": "probe{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": "{port}",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": "{directory}/mnesia",
            "RABBITMQ_LOG_BASE": "{directory}/logs",
            "RABBITMQ_PID_FILE": "{directory}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "{directory}/plugins",
            "RABBITMQ_CONFIG_FILE": "{directory}/none",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "{directory}/none.config",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        },
    )


def http() -> Daemon:
    """Python's own web server over an empty directory."""
    return Daemon(
        "http",
        [sys.executable, "-m", "http.server", "--bind", LOOPBACK, "{port}"],
        (b"HEAD / HTTP/1.0\r\n\r\n", b"200 OK"),
        as_nobody=False,  # who may not read everybody's Python
    )


def tls() -> Daemon:
    """OpenSSL's test server with a certificate that is good for a long time."""
    files = {name: (CERTIFICATES / name).read_text() for name in ("good.pem", "good.key")}
    return Daemon(
        "tls",
        [
            program("openssl", "apt-get install openssl"),
            *("s_server", "-accept", f"{LOOPBACK}:{{port}}", "-quiet", "-www"),
            *("-cert", "{directory}/good.pem", "-key", "{directory}/good.key"),
        ],
        (b"no TLS", b""),
        files=files,
    )


def dns() -> Daemon:
    """Dnsmasq that knows one name."""
    asked = question("orders-db.example.", 1, 7)
    return Daemon(
        "dnsmasq",
        [
            program("dnsmasq", "apt-get install dnsmasq-base"),
            *("--keep-in-foreground", "--no-daemon", "--port={port}", "--conf-file=/dev/null"),
            *("--no-resolv", "--no-hosts", "--bind-interfaces", f"--listen-address={LOOPBACK}"),
            *("--pid-file=", "--address=/orders-db.example/10.0.0.7", "--local=/example/"),
        ],
        (len(asked).to_bytes(2, "big") + asked, b"\x0a\x00\x00\x07"),  # by TCP, on the same port
    )


def nats() -> Daemon:
    """NATS that needs a token."""
    return Daemon(
        "nats",
        [
            program(
                "nats-server",
                "go install github.com/nats-io/nats-server/v2@v2.10.22",
            ),
            *("-a", LOOPBACK, "-p", "{port}", "--auth", PASSWORD),
        ],
        (b"", b"INFO"),
    )


def s3() -> Daemon:
    """Versity's S3 gateway over a directory with one bucket in it."""
    return Daemon(
        "versitygw",
        [
            program("versitygw", "go install github.com/versity/versitygw/cmd/versitygw@v1.8.0"),
            *("--port", f"{LOOPBACK}:{{port}}", "--access", "probe", "--secret", PASSWORD),
            *("posix", "{directory}/buckets"),
        ],
        (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1."),
        prepare=[["mkdir", "-p", "{directory}/buckets/orders"]],
    )


ALL = {
    "http": http,
    "tls": tls,
    "dns": dns,
    "postgresql": postgresql,
    "mariadb": mariadb,
    "redis": redis,
    "rabbitmq": rabbitmq,
    "nats": nats,
    "s3": s3,
}
