"""What a person is told of a saga: where it stands, what it waits for, what comes, and what they can do."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING

import pytest

from orchestrator.access.subject import Subject, enter
from orchestrator.api.guidance.choice import FORMS
from orchestrator.api.guidance.guidance import guidance_of, lacks_role, saga_guidance
from orchestrator.api.guidance.sentence import listed, text_of
from orchestrator.api.views.guidance_view import guidance_view
from orchestrator.contract.access import Role, roles_of
from orchestrator.contract.command import Effect
from orchestrator.contract.status_code import StatusCode
from orchestrator.engine.sagas import Waiting, WaitReason
from orchestrator.journal import entries as e
from orchestrator.journal.actor import Actor
from orchestrator.journal.acts import Act, refuse_illegal
from orchestrator.journal.fold import fold
from orchestrator.journal.outcome import Failure
from orchestrator.journal.priority import Priority
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import Status
from saga.v1.saga_service_pb2 import DESCRIPTOR
from tests.support.engine_world import SAGA, Answer, until
from tests.support.waiting_sagas import approved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.api.guidance.guidance import Guidance
    from orchestrator.api.guidance.sentence import Sentence
    from tests.support.engine_world import EngineWorld

ADA = Actor("ada")
STARTED = e.SagaStarted(1, "trip", 1, b"")
RESERVED = e.CommandIntended(2, "Shop.Reserve#1", "shop.v1.Shop.Reserve", Effect.COMPENSABLE, b"")
CAPTURED = e.CommandIntended(4, "Shop.Capture#1", "shop.v1.Shop.Capture", Effect.PIVOT, b"")


def told(sentences: Sequence[Sentence]) -> list[str]:
    """The sentences, with each instant as a number."""
    return [text_of(sentence, str) for sentence in sentences]


def guided(*entries: e.Entry, waiting: Sequence[Waiting] = (), live: bool = True) -> Guidance:
    return guidance_of(fold(SAGA, [STARTED, *entries]), waiting, None, 100, live=live)


def legal(guidance: Guidance) -> list[str]:
    return [choice.name for choice in guidance.choices if choice.legal]


def helping(guidance: Guidance) -> list[str]:
    return [choice.name for choice in guidance.choices if choice.legal and choice.helps]


def refusal(guidance: Guidance, name: str) -> str:
    (found,) = {choice.refusal for choice in guidance.choices if choice.name == name}
    return found


def suspended(code: ReasonCode, message: str = "no", key: str = "Shop.Reserve#1") -> e.SagaSuspended:
    return e.SagaSuspended(9, Reason(code, message, key))


def test_a_saga_that_fails_and_fails_again_says_how_since_when_and_when_it_tries_next() -> None:
    failure = Failure(StatusCode.UNAVAILABLE, "ipv4:127.0.0.1:1: connection refused")
    backs_off = Waiting(WaitReason.BACKOFF, "Shop.Reserve#1", "shop.v1.Shop", 3, 50, 120, failure)
    guidance = guided(RESERVED, waiting=[backs_off])

    assert told([guidance.standing]) == ["It goes forward."]
    assert told(guidance.waits) == [
        "Shop.Reserve has been failing since 50: nobody answers there; attempt 3 comes at 120."
    ]
    assert told(guidance.coming) == ["Shop.Reserve is under way."]
    assert helping(guidance) == ["retry"]
    assert legal(guidance) == ["retry", "cancel", "pause"]


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (WaitReason.PARTICIPANT_DOWN, "waits for Shop, which has been down since 50; its health is asked for again"),
        (WaitReason.PARTICIPANT_BUSY, "as many calls as may be are in flight to Shop"),
        (WaitReason.RATE, "Shop is called as often as it may be"),
        (WaitReason.TIMER, "waits for a time (Shop.Reserve) since 50, until 120."),
        (WaitReason.SIGNAL, "waits for the signal 'paid' since 50, until 120."),
        (WaitReason.QUEUED, "waits for its turn since 50."),
    ],
)
def test_each_reason_to_wait_has_a_sentence_of_its_own(reason: WaitReason, said: str) -> None:
    waiting = Waiting(reason, "Shop.Reserve#1", "shop.v1.Shop", 3, 50, 120, None, "paid", "shop.v1.Paid")

    assert said in " ".join(told(guided(RESERVED, waiting=[waiting]).waits))


def test_a_queued_saga_says_since_when() -> None:
    guidance = guided(e.SagaQueued(7, Priority.NORMAL, 7))

    assert told([guidance.standing]) == ["It has not begun: it has been queued since 7."]
    assert told(guidance.coming) == ["It begins as soon as there is room for it."]


def test_a_command_in_doubt_can_be_resolved_both_ways_with_a_command_line_for_each() -> None:
    guidance = guided(RESERVED, suspended(ReasonCode.UNKNOWN, "no answer to be had"))

    assert told([guidance.standing]) == [
        (
            "It has waited for an operator since 9: nobody knows whether a step took effect: "
            "Shop.Reserve: no answer to be had."
        )
    ]
    assert guidance.advice == "Find out at Shop whether Shop.Reserve took effect, say so, and resume it."
    assert [choice.command for choice in guidance.choices if choice.helps and choice.legal] == [
        "orchestrator resolve saga-1 'Shop.Reserve#1' --took-effect --reply-json '{REPLY}' --evidence 'HOW YOU KNOW'",
        "orchestrator resolve saga-1 'Shop.Reserve#1' --no-effect --evidence 'HOW YOU KNOW'",
    ]
    assert [choice.needs_reply for choice in guidance.choices if choice.took_effect] == [True]


def test_what_was_decided_is_to_be_resumed() -> None:
    because = Reason.asked(ReasonCode.RESOLVED, "seen", ADA, "Shop.Reserve#1")
    resolved = e.OutcomeResolved(10, "Shop.Reserve#1", True, b"", because)
    guidance = guided(RESERVED, suspended(ReasonCode.UNKNOWN), resolved)

    assert helping(guidance) == ["resume"]
    assert guidance.advice == "It is decided what came of it: resume it."


def test_a_refused_compensation_can_be_asked_again_settled_by_hand_or_left() -> None:
    guidance = guided(
        RESERVED,
        e.CommandCompleted(3, "Shop.Reserve#1", 1, 2, b""),
        e.RollbackBegan(4, Reason(ReasonCode.REJECTED, "Shop.Pay#1: no", "Shop.Pay#1")),
        e.CompensationBegan(5, "Shop.Reserve#1", "shop.v1.Shop.Release", b""),
        e.CompensationRejected(6, "Shop.Reserve#1", 1, 5, Failure(StatusCode.NOT_FOUND, "no")),
        suspended(ReasonCode.COMPENSATION_REJECTED),
    )

    assert helping(guidance) == ["resume", "compensated", "skip"]
    assert refusal(guidance, "cancel") == "it rolls back already"
    assert refusal(guidance, "resolve") == "no command of it is in doubt"


def test_past_the_pivot_a_cancel_is_refused_with_the_name_of_the_pivot() -> None:
    guidance = guided(CAPTURED, e.CommandCompleted(5, "Shop.Capture#1", 1, 4, b""))

    assert "no more back: its pivot, Shop.Capture, was accepted" in told([guidance.standing])[0]
    assert refusal(guidance, "cancel").startswith("it is past its point of no return, Shop.Capture#1")


def test_of_a_saga_that_has_ended_nothing_can_be_done() -> None:
    guidance = guided(e.SagaCompleted(9, b""))

    assert not legal(guidance)
    assert told([guidance.standing]) == ["It completed at 9: every effect stands."]
    assert told(guidance.coming) == ["Nothing: it has ended."]


def test_a_rollback_names_what_it_compensates_next_in_its_order() -> None:
    paid = e.CommandIntended(3, "Shop.Pay#1", "shop.v1.Shop.Pay", Effect.COMPENSABLE, b"")
    guidance = guided(RESERVED, paid, e.RollbackBegan(5, Reason.asked(ReasonCode.CANCELLED, "too late", ADA)))

    assert told([guidance.standing]) == ["It has been rolling back since 5: ada cancelled it: too late."]
    assert told(guidance.coming) == [
        "It compensates Shop.Pay and Shop.Reserve, in this order; then it ends as compensated."
    ]


def test_a_rollback_that_waits_for_a_participant_says_both() -> None:
    guidance = guided(
        RESERVED,
        e.RollbackBegan(5, Reason.asked(ReasonCode.CANCELLED, "too late", ADA)),
        e.CompensationBegan(6, "Shop.Reserve#1", "shop.v1.Shop.Release"),
        e.CommandQueued(8, "compensation:Shop.Reserve#1", 1, 7, 90, 95),
        e.SagaParked(10, 95),
    )

    assert told([guidance.standing]) == [
        "It has been rolling back since 5: ada cancelled it: too late. It waits, and uses no memory while it does."
    ]
    assert told(guidance.coming) == ["It compensates Shop.Reserve, in this order; then it ends as compensated."]


def test_an_effect_that_an_operator_let_stand_is_named_at_the_end() -> None:
    guidance = guided(
        RESERVED,
        e.RollbackBegan(4, Reason(ReasonCode.DEADLINE, "the saga's deadline passed")),
        e.CompensationSkipped(5, "Shop.Reserve#1", Reason.asked(ReasonCode.SKIPPED, "refunded", ADA)),
        e.SagaPartiallyCompensated(6),
    )

    assert "What still stands, as an operator decided: Shop.Reserve." in told([guidance.standing])[0]


def test_of_a_saga_that_another_replica_advances_it_is_not_said_that_nothing_backs_off() -> None:
    assert refusal(guided(RESERVED, live=True), "retry") == "it has no attempt that waits"
    assert refusal(guided(RESERVED, live=False), "retry") == ""


@pytest.mark.parametrize(
    "code",
    [
        ReasonCode.PAUSED,
        ReasonCode.UNKNOWN,
        ReasonCode.DIVERGED,
        ReasonCode.CODE_FAILED,
        ReasonCode.DEFINITION_MISSING,
        ReasonCode.CONTRACT_MISSING,
        ReasonCode.REJECTED_AFTER_PIVOT,
        ReasonCode.ENGINE_FAILED,
    ],
)
def test_whatever_has_suspended_a_saga_something_helps(code: ReasonCode) -> None:
    guidance = guided(RESERVED, suspended(code))

    assert helping(guidance)
    assert guidance.advice


def test_each_choice_is_for_the_role_that_the_contract_of_its_rpc_names() -> None:
    rpcs = DESCRIPTOR.services_by_name["SagaService"].methods_by_name

    assert {name: (form.role,) for name, form in FORMS.items()} == {
        name: roles_of(rpcs[form.rpc]) for name, form in FORMS.items()
    }
    assert {form.act for form in FORMS.values()} == set(Act)


def test_who_lacks_the_role_is_told_so_in_place_of_a_command() -> None:
    call = copy_context()
    call.run(enter, Subject("vic", frozenset({Role.VIEWER}), "token file"))
    guidance = call.run(guidance_of, fold(SAGA, [STARTED]), (), None, 100, live=True, lacks=lacks_role)

    assert refusal(guidance, "pause") == "you are viewer; PauseSaga needs operator"
    assert not legal(guidance)


def test_many_names_are_cut() -> None:
    assert listed([]) == ""
    assert listed(["A"]) == "A"
    assert listed(["A", "B", "C"]) == "A, B and C"
    assert listed([*"ABCDEFG"]) == "A, B, C, D and 3 more"


def test_the_api_shows_words_and_instants_in_their_order() -> None:
    view = guidance_view(guided(RESERVED, suspended(ReasonCode.UNKNOWN)))

    assert [part.WhichOneof("part") for part in view.standing.parts] == ["text", "instant", "text"]
    assert view.standing.parts[1].instant.nanos == 9
    assert view.choices[0].HasField("took_effect")
    assert not view.choices[-1].HasField("took_effect")


async def test_a_saga_that_waits_for_a_decision_can_be_approved_or_rejected(
    world_of: Callable[..., EngineWorld],
) -> None:
    world = world_of(approved)
    process = await world.open()
    await process.worker.start(world.order())
    await until(lambda: world.state().status is Status.WAITING)
    guidance = saga_guidance(world.state(), process.sagas, world.clock.now(), lambda _role, _rpc: "")

    assert [choice.name for choice in guidance.choices if choice.helps] == ["approve", "reject"]
    assert guidance.choices[0].command == "orchestrator approve saga-1 --reason WHY"
    assert "the signal 'approval'" in told(guidance.waits)[0]
    assert "goes on when somebody gives it the signal 'approval'" in told(guidance.coming)[0]


async def test_steps_ahead_are_told_from_the_plan(world: EngineWorld) -> None:
    answer = Answer()
    world.participants.scripts["AuthorizePayment"] = [answer]
    process = world.process()
    await process.worker.start(world.order())
    await until(lambda: answer.asked)
    guidance = saga_guidance(await process.worker.get(SAGA), process.sagas, 0, lambda _role, _rpc: "")

    assert told(guidance.coming) == [
        "PaymentService.AuthorizePayment is under way.",
        "Then come ShippingService.ArrangeShipment, PaymentService.CapturePayment, EmailService.SendConfirmation.",
    ]


@pytest.mark.parametrize(
    "entries",
    [
        (),
        (RESERVED, suspended(ReasonCode.UNKNOWN)),
        (RESERVED, e.RollbackBegan(5, Reason(ReasonCode.DEADLINE, "late"))),
        (CAPTURED, suspended(ReasonCode.PAUSED)),
        (e.SagaParked(5, 0),),
        (RESERVED, e.RollbackBegan(5, Reason(ReasonCode.DEADLINE, "late")), e.SagaParked(6, 9)),
        (e.SagaCompleted(5, b""),),
        (e.RollbackBegan(4, Reason(ReasonCode.DEADLINE, "late")), e.SagaCompensated(5)),
    ],
)
def test_nothing_is_offered_that_the_table_of_legal_acts_refuses(entries: tuple[e.Entry, ...]) -> None:
    state = fold(SAGA, [STARTED, *entries])

    for choice in guidance_of(state, (), None, 100, live=True).choices:
        if choice.legal:
            refuse_illegal(FORMS[choice.name].act, state)
