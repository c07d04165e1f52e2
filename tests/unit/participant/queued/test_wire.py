"""What a command, a reply and a dead letter say is read as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.participant.queued.command import (
    EXPIRES_AT,
    MESSAGE_ID,
    REPLY_TO,
    TIME_TO_LIVE,
    QueuedCommand,
    UnreadableCommandError,
)
from orchestrator.participant.queued.dead_letter import DeadLetter
from orchestrator.participant.queued.headers import to_headers, to_metadata
from orchestrator.participant.queued.reply import QueuedReply, UnreadableReplyError
from orchestrator.participant.queued.subjects import ReplySubject, Subjects, attempt_word

AT = 1_700_000_000_123_456_000

COMMAND = QueuedCommand(
    b"\x00\xffrequest",
    (("idempotency-key", "a, 100% /S.M#1"), ("saga-id", "a"), ("trace-bin", b"\x00\x01"), ("tag", "x"), ("tag", " y ")),
    "a, 100% /S.M#1#1",
    "commands-replies.g.a.1.r",
    AT + 5_000_000_000,
    2.5,
)

_names = st.from_regex(r"[a-z][0-9a-z_.-]{0,10}", fullmatch=True)
_texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
_pairs = st.one_of(
    st.tuples(_names.filter(lambda name: not name.endswith("-bin")), _texts),
    st.tuples(_names.map(lambda name: f"{name}-bin"), st.binary(max_size=20)),
)


def test_a_command_is_read_as_it_was_written() -> None:
    assert QueuedCommand.read(COMMAND.headers(AT), COMMAND.request) == COMMAND


def test_the_broker_keeps_a_command_until_it_can_be_answered_as_expired() -> None:
    assert COMMAND.headers(AT)[TIME_TO_LIVE] == "66"
    assert COMMAND.headers(AT)[EXPIRES_AT] == "2023-11-14T22:13:25.123456Z"


def test_a_command_is_expired_from_its_instant_on() -> None:
    assert not COMMAND.is_expired(COMMAND.expires_at - 1)
    assert COMMAND.is_expired(COMMAND.expires_at)


@pytest.mark.parametrize("missing", [MESSAGE_ID, REPLY_TO, EXPIRES_AT])
def test_a_message_without_what_a_command_needs_is_unreadable(missing: str) -> None:
    headers = {name: value for name, value in COMMAND.headers(AT).items() if name != missing}
    with pytest.raises(UnreadableCommandError, match=missing):
        QueuedCommand.read(headers, b"")


@pytest.mark.parametrize("instant", ["soon", "2023-11-14T22:13:25", "99999-01-01T00:00:00Z", ""])
def test_a_command_whose_instant_makes_no_sense_is_unreadable(instant: str) -> None:
    with pytest.raises(UnreadableCommandError, match="makes no sense"):
        QueuedCommand.read({**COMMAND.headers(AT), EXPIRES_AT: instant}, b"")


def test_a_message_without_headers_is_unreadable() -> None:
    with pytest.raises(UnreadableCommandError):
        QueuedCommand.read(None, b"")
    with pytest.raises(UnreadableReplyError):
        QueuedReply.read(None, b"")


@given(st.lists(_pairs, max_size=6))
def test_any_legal_metadata_is_read_as_they_were_written(pairs: list[tuple[str, str | bytes]]) -> None:
    headers = to_headers(pairs)
    # As a client of NATS hands them on.
    trimmed = {name: value.strip() for name, value in headers.items()}
    read = to_metadata(trimmed)
    for name in {name for name, _ in pairs}:
        assert [value for key, value in read if key == name] == [value for key, value in pairs if key == name]
    assert all(value.isascii() and value.isprintable() for value in headers.values())


def test_a_header_of_the_protocol_is_no_metadata() -> None:
    read = QueuedCommand.read(COMMAND.headers(AT), b"").metadata
    assert {name for name, _ in read} == {"idempotency-key", "saga-id", "trace-bin", "tag"}


def test_a_reply_is_read_as_it_was_written() -> None:
    reply = QueuedReply("a/S.M#1#1", b"reply")
    refusal = QueuedReply(
        "a, b#1", b"", "FAILED_PRECONDITION", " sold out:\n 100% ü ", (("grpc-status-details-bin", b"\xff"),)
    )
    for each in (reply, refusal):
        assert QueuedReply.read(each.headers(), each.body) == each


def test_a_dead_letter_tells_why_and_is_no_duplicate_of_its_command() -> None:
    letter = DeadLetter("commands.S.M", COMMAND.headers(AT), b"body", "it crashed:\nat line 1", 6)
    headers = letter.message_headers()
    read = DeadLetter.read(headers, b"body")
    assert not [name for name in headers if name.startswith("Nats-")]
    assert (read.subject, read.error, read.deliveries, read.body) == (letter.subject, letter.error, 6, b"body")
    assert read.headers["saga-id"] == "a"
    assert read.headers["Saga-Message-Id"] == "a%2C 100%25 /S.M#1#1"


@pytest.mark.parametrize("saga_id", ["a", "order-1", "a.b*c>d e/ü", "%2E"])
def test_a_reply_is_found_by_its_subject_whatever_its_saga_is_called(saga_id: str) -> None:
    subjects = Subjects("shop.commands")
    attempt = attempt_word(f"{saga_id}/S.M#1#1")
    subject = subjects.reply("live", saga_id, attempt, "host-1")
    assert subjects.read_reply(subject) == ReplySubject("live", saga_id, attempt, "host-1")
    assert subject.count(".") == 5
    assert not set(subject) & set("*> \t")


def test_the_stream_of_commands_holds_nothing_but_commands() -> None:
    subjects = Subjects("commands")
    below = subjects.all_commands.removesuffix(">")
    others = [subjects.all_replies, subjects.all_dead, subjects.health("S"), subjects.dead_of("S")]
    assert not [subject for subject in others if subject.startswith(below)]
    assert subjects.method(subjects.command("shop.v1.S", "Reserve")) == ("shop.v1.S", "Reserve")


@pytest.mark.parametrize("prefix", ["", "a..b", "a b", "a.*", ">", ".a"])
def test_a_prefix_that_no_subject_has_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Subjects(prefix)
