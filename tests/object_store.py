"""An S3 server on loopback, in this process: what MinIO or Amazon would answer, over HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import boto3

#: Any will do; the server asks for some.
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@contextmanager
def s3_server() -> Iterator[None]:
    """While the block lasts, every S3 client of this process and its children talks to the server."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - takes a second, and few tests need it

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with mock.patch.dict(os.environ, {**_CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}):
            yield
    finally:
        server.stop()


def new_bucket(name: str) -> str:
    """The address of an empty bucket."""
    boto3.client("s3").create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": _CREDENTIALS["AWS_DEFAULT_REGION"]}
    )
    return f"s3://{name}"
