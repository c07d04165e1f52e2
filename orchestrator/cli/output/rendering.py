"""Turns sagas, as messages of the API, into pages for a terminal. Pure, but for ``open_console`` and the age of things.

The API has already masked the fields that contracts mark ``debug_redact``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from google.rpc.code_pb2 import UNAVAILABLE
from rich.console import Group
from rich.text import Text

from orchestrator.cli.output.guidance_page import choice_lines, situation_lines
from orchestrator.cli.output.instants import aged_text, clock_text, instant_text, so_far_text
from orchestrator.cli.output.terminal import Flow, Records, Terminal, open_terminal
from saga.v1 import contract_pb2, saga_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from google.protobuf.descriptor import EnumDescriptor
    from google.rpc.status_pb2 import Status as RpcStatus
    from rich.console import RenderableType

    from saga.v1.guidance_pb2 import Guidance

# The look of each state of a step: its sign and its style.
_LOOKS: Final[dict[int, tuple[str, str]]] = {
    saga_pb2.STEP_STATE_NOT_BEGUN: ("·", "dim"),
    saga_pb2.STEP_STATE_IN_PROGRESS: ("▸", "bold cyan"),
    saga_pb2.STEP_STATE_COMPLETED: ("✓", "green"),
    saga_pb2.STEP_STATE_REJECTED: ("✗", "bold red"),
    saga_pb2.STEP_STATE_UNKNOWN: ("?", "bold yellow"),
    saga_pb2.STEP_STATE_COMPENSATING: ("↺", "bold magenta"),
    saga_pb2.STEP_STATE_COMPENSATED: ("↩", "magenta"),
    saga_pb2.STEP_STATE_SKIPPED: ("-", "dim"),
    saga_pb2.STEP_STATE_STANDS: ("!", "bold yellow"),
}
_STATUS_STYLES: Final[dict[int, str]] = {
    saga_pb2.STATUS_RUNNING: "bold cyan",
    saga_pb2.STATUS_WAITING: "cyan",
    saga_pb2.STATUS_COMPLETED: "bold green",
    saga_pb2.STATUS_COMPENSATING: "bold magenta",
    saga_pb2.STATUS_COMPENSATED: "magenta",
    saga_pb2.STATUS_SUSPENDED: "bold red",
    saga_pb2.STATUS_PARTIALLY_COMPENSATED: "bold yellow",
}
_ABSENT: Final = Text("-", style="dim")
_NOT_REACHED: Final = frozenset({saga_pb2.STEP_STATE_NOT_BEGUN, saga_pb2.STEP_STATE_SKIPPED})
# With an error, it was never known whether such a step took effect; its compensation was sent all the same.
_ROLLED_BACK: Final = frozenset(
    {saga_pb2.STEP_STATE_COMPENSATING, saga_pb2.STEP_STATE_COMPENSATED, saga_pb2.STEP_STATE_STANDS}
)
ENDED: Final = frozenset(
    {saga_pb2.STATUS_COMPLETED, saga_pb2.STATUS_COMPENSATED, saga_pb2.STATUS_PARTIALLY_COMPENSATED}
)
"""The statuses of sagas that have ended."""


def open_console() -> Terminal:
    """The console on which the commands print."""
    return open_terminal()


def saga_page(
    saga: saga_pb2.Saga, guidance: Guidance | None = None, given: Sequence[str] = (), link: str = ""
) -> RenderableType:
    """Everything about one saga.

    Args:
        saga: the saga.
        guidance: the same in plain words, and what can be done, where that is known.
        given: see :func:`choice_lines`.
        link: of its page in the console, where there is one.
    """
    took = _took(saga)
    status = status_text(saga.status).append(f" in {took}" if took else "", style="default")
    title = Flow([Text(f"{saga.definition} v{saga.version}", style="bold"), saga.saga_id, status])
    facts = [
        *(f"{name} {value}" for name, value in sorted(saga.attributes.items())),
        f"started {aged_text(saga.started_at)}",
    ]
    if saga.trace_id:
        facts.append(f"trace {saga.trace_id}")
    if link:
        facts.append(f"see {link}")
    parts: list[RenderableType] = [title, Flow(facts, " · ", "dim")]
    if saga.HasField("reason"):
        parts.append(reason_text(saga.reason))
    if saga.overdue:
        parts.append(Text(f"overdue since {aged_text(saga.deadline_at)}", style="bold red"))
    table = steps_table(saga.steps, {each.step_key: each for each in saga.waiting})
    if guidance is None:
        return Group(*parts, *map(waiting_text, saga.waiting), table)
    return Group(*parts, *situation_lines(guidance), Text(), table, *choice_lines(guidance, given))


def steps_table(steps: Sequence[saga_pb2.Step], waiting: Mapping[str, saga_pb2.Waiting] | None = None) -> Records:
    """The steps: the state of each, how often it was sent, and the state of its compensation.

    Args:
        steps: the saga's.
        waiting: what the saga waits for, by the step's key.
    """
    table = Records(
        ("step", "effect", "outcome", "took", "compensation"),
        wrapped={"outcome", "compensation"},
        plain={"effect", "outcome"},
    )
    for step in steps:
        begun = step.state not in _NOT_REACHED
        waits = (waiting or {}).get(step.key) if step.key else None
        table.add(
            _signed(step),
            Text(_word(contract_pb2.Effect.DESCRIPTOR, step.effect), style="" if begun else "dim"),
            _outcome(step, waits),
            _span(step.duration.ToTimedelta()) if step.HasField("duration") else _ABSENT,
            _compensation(step),
        )
    return table


def sagas_table(sagas: Iterable[saga_pb2.Saga]) -> Records:
    """One saga in each line, or in a few where the terminal is narrow."""
    sagas = list(sagas)
    told = any(saga.HasField("reason") or saga.waiting for saga in sagas)
    columns = ["saga", "status", "started", "took", "definition", "attributes", *(["because"] if told else [])]
    table = Records(columns, wrapped={"attributes", "because"}, head=2, plain={"definition", "attributes", "because"})
    for saga in sagas:
        cells: list[Text | str] = [
            saga.saga_id,
            status_text(saga.status),
            instant_text(saga.started_at),
            _took(saga) or so_far_text(saga.started_at),
            f"{saga.definition} v{saga.version}",
            " ".join(f"{name}={value}" for name, value in sorted(saga.attributes.items())),
        ]
        table.add(*cells, *([_because(saga)] if told else []))
    return table


def waiting_text(waiting: saga_pb2.Waiting) -> Text:  # noqa: PLR0911 - a table
    """What a saga waits for, since when, and when it goes on."""
    step = waiting.step_key.removesuffix("#1")
    since = aged_text(waiting.since)
    match waiting.reason:
        case saga_pb2.WAIT_REASON_PARTICIPANT_DOWN:
            text = Text.assemble((f"{step} waits", "bold yellow"), f": {waiting.service} is down since {since}")
            return text.append(f", asked again at {clock_text(waiting.until)}" if waiting.HasField("until") else "")
        case saga_pb2.WAIT_REASON_PARTICIPANT_BUSY:
            text = Text.assemble((f"{step} waits", "bold yellow"), f" since {since}")
            return text.append(f": as many calls as may be are in flight to {waiting.service}")
        case saga_pb2.WAIT_REASON_TIMER | saga_pb2.WAIT_REASON_SIGNAL:
            what = f"the signal {waiting.signal!r}" if waiting.signal else step
            text = Text.assemble(("waits", "cyan"), f" for {what} since {since}")
            return text.append(f", until {aged_text(waiting.until)}" if waiting.HasField("until") else "")
        case saga_pb2.WAIT_REASON_ANSWER:
            text = Text.assemble((f"{step} waits", "cyan"), f" in the queue of {waiting.service} since {since}")
            return text.append(f", until {aged_text(waiting.until)}" if waiting.HasField("until") else "")
        case saga_pb2.WAIT_REASON_QUEUED:
            return Text.assemble(("queued", "bold yellow"), f" since {since}: it begins when there is room")
        case saga_pb2.WAIT_REASON_RATE:
            text = Text.assemble((f"{step} waits", "bold yellow"), f" since {since}")
            return text.append(f": {waiting.service} is called as often as it may be")
        case _:
            text = Text.assemble((f"{step} backs off", "bold yellow"), f" since {since}")
            if waiting.HasField("until"):
                text.append(f", attempt {waiting.attempt} at {clock_text(waiting.until)}")
            return text.append(f": {error_text(waiting.error)}" if waiting.HasField("error") else "")


def error_text(error: RpcStatus) -> str:
    """The participant's error; where no participant was reached, a sentence without details of sockets."""
    if error.code == UNAVAILABLE and not error.details:
        return "nobody answers there"
    return str(error.message)


def progress_text(steps: Iterable[saga_pb2.Step]) -> Text:
    """The steps as one sign each."""
    return Text(" ").join(Text(*_looks(step)) for step in steps)


def current_step(steps: Iterable[saga_pb2.Step]) -> str:
    """The current step, such as ``PaymentService.AuthorizePayment``; empty where no step is under way."""
    at_work = (saga_pb2.STEP_STATE_IN_PROGRESS, saga_pb2.STEP_STATE_UNKNOWN, saga_pb2.STEP_STATE_COMPENSATING)
    return ", ".join(step_name(step) for step in steps if step.state in at_work)


def changes(before: Sequence[saga_pb2.Step], after: Sequence[saga_pb2.Step]) -> list[Text]:
    """What happened between two views of a saga, one line for each step that changed."""
    known = {(step.method, step.key): step.state for step in before}
    return [
        Text.assemble(_signed(step), " ", _outcome(step))
        for step in after
        if step.state not in _NOT_REACHED and known.get((step.method, step.key)) != step.state
    ]


def status_text(status: int) -> Text:
    """The status of a saga, in a word."""
    return Text(_word(saga_pb2.Status.DESCRIPTOR, status), style=_STATUS_STYLES.get(status, ""))


def reason_text(reason: saga_pb2.Reason) -> Text:
    """Why a saga rolls back, was rolled back or is suspended."""
    text = Text.assemble("because ", (reason.code, "bold"))
    if reason.requested_by:
        text.append(f" by {reason.requested_by}")
    if reason.step_key:
        text.append(f" at {reason.step_key}")
    # The message of a rejection begins with the step that was rejected.
    return text.append(f": {reason.message.removeprefix(f'{reason.step_key}: ')}")


def step_name(step: saga_pb2.Step) -> str:
    """The short name of a step, with its number where it is not the first of its kind."""
    name = ".".join(step.method.rsplit(".", 2)[-2:])
    return name if step.key in {"", f"{name}#1"} else step.key


def _signed(step: saga_pb2.Step) -> Text:
    sign, style = _looks(step)
    return Text.assemble((sign, style), " ", (step_name(step), "dim" if step.state in _NOT_REACHED else ""))


def _because(saga: saga_pb2.Saga) -> Text:
    told = [reason_text(saga.reason)] if saga.HasField("reason") else []
    return Text("; ").join([*told, *map(waiting_text, saga.waiting)])


def _took(saga: saga_pb2.Saga) -> str:
    if not saga.HasField("ended_at"):
        return ""
    return _span(max(timedelta(), saga.ended_at.ToDatetime() - saga.started_at.ToDatetime()))


def _outcome(step: saga_pb2.Step, waits: saga_pb2.Waiting | None = None) -> Text:
    word = _word(saga_pb2.StepState.DESCRIPTOR, step.state)
    if step.state in _NOT_REACHED and step.conditional:
        word += ", conditional"
    text = Text(word, style=_looks(step)[1])
    if step.attempts > 1:
        text.append(f", sent {step.attempts} times", style="yellow not bold")
    if step.error.message and step.state in _ROLLED_BACK:
        text.append(", in doubt", style="yellow not bold")
    elif waits is not None and waits.reason == saga_pb2.WAIT_REASON_PARTICIPANT_DOWN:
        text.append(f": down since {instant_text(waits.since)}", style="not bold")
    elif step.error.message:
        text.append(f": {error_text(step.error)}", style="not bold")
    if step.best_effort:
        text.append(", best effort", style="dim not bold")
    return text


def _compensation(step: saga_pb2.Step) -> Text:
    if not step.HasField("compensation"):
        return Text("")
    compensation = step.compensation
    text = Text(f"{compensation.position}. {compensation.method.rpartition('.')[2]}")
    if compensation.HasField("ended_at") and compensation.HasField("started_at"):
        text.append(f" {_span(compensation.ended_at.ToDatetime() - compensation.started_at.ToDatetime())}", "dim")
    if compensation.attempts > 1:
        text.append(f", sent {compensation.attempts} times", "yellow")
    if compensation.error.message:
        text.append(f": {error_text(compensation.error)}", "red")
    return text


def _looks(step: saga_pb2.Step) -> tuple[str, str]:
    return _LOOKS.get(step.state, (" ", ""))


def _word(enum: EnumDescriptor, number: int) -> str:
    """``STEP_STATE_NOT_BEGUN`` as ``not begun``; a number that only a newer server knows as itself."""
    value = enum.values_by_number.get(number)
    if value is None:
        return str(number)
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return str(value.name.removeprefix(prefix).lower().replace("_", " "))


def _span(span: timedelta) -> str:
    seconds = max(span.total_seconds(), 0.0)  # a clock may have been set back
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
