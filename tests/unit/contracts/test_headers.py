"""Request-reply headers to the byte, as Spring's ReplyingKafkaTemplate writes and reads them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import headers
from contracts.headers import MalformedHeader, ReplyAddress

#: What a Java client sends: a 16-byte UUID, the topic in UTF-8, the partition as ByteBuffer.putInt.
FROM_JAVA = {
    "kafka_correlationId": bytes.fromhex("0123456789abcdef0123456789abcdef"),
    "kafka_replyTopic": b"replies",
    "kafka_replyPartition": b"\x00\x00\x00\x03",
}


def test_the_names_are_springs() -> None:
    assert tuple(FROM_JAVA) == (headers.CORRELATION_ID, headers.REPLY_TOPIC, headers.REPLY_PARTITION)


def test_a_java_clients_headers_are_read_and_written_to_the_byte() -> None:
    address = headers.reply_address(FROM_JAVA)
    assert address == ReplyAddress(FROM_JAVA["kafka_correlationId"], "replies", 3)
    assert address is not None
    assert address.as_headers() == list(FROM_JAVA.items())


@pytest.mark.parametrize(
    ("partition", "raw"),
    [
        (0, b"\x00\x00\x00\x00"),
        (1, b"\x00\x00\x00\x01"),
        (256, b"\x00\x00\x01\x00"),
        (2**31 - 1, b"\x7f\xff\xff\xff"),
    ],
)
def test_a_partition_is_four_bytes_big_endian(partition: int, raw: bytes) -> None:
    assert headers.encode_partition(partition) == raw
    assert headers.decode_partition(raw) == partition


@pytest.mark.parametrize(
    "raw", [b"", b"\x03", b"3", b"\x00\x00\x03", b"\x00" * 5, b"\x00" * 8, b"\xff\xff\xff\xff"]
)
def test_any_other_partition_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedHeader) as error:
        headers.decode_partition(raw)
    assert error.value.name == "kafka_replyPartition"


@given(st.binary(max_size=300), st.integers(0, 2**31 - 1) | st.none())
def test_a_reply_address_reads_back_as_it_was_written(correlation_id: bytes, partition: int | None) -> None:
    address = ReplyAddress(correlation_id, "replies", partition)
    assert headers.reply_address(dict(address.as_headers())) == address


def test_without_a_partition_there_is_no_partition_header() -> None:
    address = ReplyAddress(b"c", "replies", None)
    assert address.as_headers() == [("kafka_correlationId", b"c"), ("kafka_replyTopic", b"replies")]


@pytest.mark.parametrize("missing", ["kafka_correlationId", "kafka_replyTopic"])
def test_nobody_waits_without_a_correlation_id_and_a_topic(missing: str) -> None:
    assert headers.reply_address({name: raw for name, raw in FROM_JAVA.items() if name != missing}) is None
    assert headers.reply_address({}) is None


def test_a_reply_topic_that_is_no_text_is_malformed() -> None:
    with pytest.raises(MalformedHeader) as error:
        headers.reply_address({**FROM_JAVA, "kafka_replyTopic": b"\xff"})
    assert error.value.name == "kafka_replyTopic"


@pytest.mark.parametrize("raw", [b"a", b"x" * 64, b"0192f6c4-7c7e-7b6e-8f54-2f6a4a0c1d11", b"!~"])
def test_an_application_id_is_up_to_64_printable_characters(raw: bytes) -> None:
    assert headers.application_id({"application-id": raw}) == raw.decode()


@pytest.mark.parametrize("raw", [b"", b" ", b"a b", b"x" * 65, b"a\n", b"\x00", b"\x7f", b"\xc3\xbc"])
def test_any_other_application_id_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedHeader):
        headers.application_id({"application-id": raw})


def test_no_application_id_leaves_the_choice_to_us() -> None:
    assert headers.application_id({}) is None


@given(st.dictionaries(st.sampled_from([*FROM_JAVA, "application-id"]), st.binary(max_size=80)))
def test_headers_of_any_bytes_are_read_or_malformed_and_nothing_else(found: dict[str, bytes]) -> None:
    for read in (headers.reply_address, headers.application_id):
        with contextlib.suppress(MalformedHeader):
            read(found)
