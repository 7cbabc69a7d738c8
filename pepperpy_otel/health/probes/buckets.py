"""S3: may we see the bucket? HeadBucket with boto3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pepperpy_otel.health.probes.blocking import Blocking
from pepperpy_otel.health.probes.drivers import need
from pepperpy_otel.health.probes.wording import healthy, unhealthy

if TYPE_CHECKING:
    from pepperpy_otel.health.probes.deadline import Deadline
    from pepperpy_otel.health.status import HealthResult

#: HeadBucket has no body, so that the status is all that is known.
SAID = {"301": "it is in another region", "403": "access denied", "404": "no such bucket"}


def s3(bucket: str, client: Any = None, *, timeout: float = 1.0, **options: Any) -> Blocking[Any]:
    """A probe: HeadBucket says that the bucket is there and ours to see.

    Args:
        bucket: Name of the bucket.
        client: A boto3 S3 client, with its own time limits (botocore's default is 60 s: set
            ``Config(connect_timeout=…, read_timeout=…, retries={"total_max_attempts": 1})``); by
            default the probe makes one, with short limits.
        timeout: Seconds for a run with a client of the probe's own.
        options: For ``boto3.session.Session().client("s3", …)``: ``endpoint_url``,
            ``region_name``, ``aws_access_key_id`` …

    Raises:
        ValueError: The client is not for S3, or ``boto3`` is not installed.
    """
    if client is None:
        return Blocking(_Own(bucket, options), timeout)
    if not hasattr(client, "head_bucket"):
        kind = type(client)
        raise ValueError(
            f"probes.s3() cannot use a {kind.__module__}.{kind.__name__}; "
            "give a boto3 client for 's3'"
        )
    return Blocking(_Given(bucket, client), timeout)


class _Given:
    own = False
    secrets: tuple[str, ...] = ()

    def __init__(self, bucket: str, client: Any) -> None:
        self._bucket = bucket
        self._client = client
        self._refused = need("botocore.exceptions", "boto3").ClientError
        self.target = f"s3 {bucket}"

    def open(self, deadline: Deadline) -> Any:
        return self._client

    def ask(self, connection: Any, deadline: Deadline) -> HealthResult:
        try:
            connection.head_bucket(Bucket=self._bucket)
        except self._refused as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            said = SAID.get(code, f"answered {code}")
            return unhealthy(f"{self.target}: {said}", target=self.target, code=code)
        return healthy("the bucket is there", target=self.target)

    def close(self, connection: Any) -> None:
        """It is the user's."""


class _Own(_Given):
    own = True

    def __init__(self, bucket: str, options: dict[str, Any]) -> None:
        super().__init__(bucket, None)
        self._session = need("boto3", "boto3").session.Session
        self._config = need("botocore.config", "boto3").Config
        self._options = options
        hidden = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        self.secrets = tuple(str(options[key]) for key in hidden if options.get(key))

    def open(self, deadline: Deadline) -> Any:
        config = self._config(
            connect_timeout=deadline.left(),
            read_timeout=deadline.left(),
            retries={"total_max_attempts": 1},
            max_pool_connections=1,
        )
        given = dict(self._options)
        if "config" in given:
            config = given.pop("config").merge(config)
        # A session of its own: boto3's default one is not safe to use from several threads.
        return self._session().client("s3", config=config, **given)

    def close(self, connection: Any) -> None:
        connection.close()
