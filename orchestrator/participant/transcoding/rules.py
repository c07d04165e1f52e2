"""The HTTP rule of an rpc, compiled: from a message to a call of HTTP and back.

    rule = Rule.of(method)                          # by (google.api.http), or a rule from elsewhere
    call = rule.call(request)                       # a client's: method, path, query, body
    reply = rule.reply(content)                     # a client's: what the server has answered
    request = binding.request(values, query, body)  # a server's; Routes finds the binding and the values of the path
    content = rule.content(reply)                   # a server's

Each field of a request stands in one place:

| the rule's body | in the path       | in the body          | in the query         |
|-----------------|-------------------|----------------------|----------------------|
| none            | what the path has | nothing              | all others           |
| a field         | what the path has | that field           | all others           |
| ``*``           | what the path has | all others           | nothing              |

What a client writes, a server reads as the same bytes; what cannot be said so is refused, and its field named. Unknown
fields of a request are refused; those of a reply are ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from orchestrator.participant.transcoding.bindings import Binding
from orchestrator.participant.transcoding.calls import HttpCall
from orchestrator.participant.transcoding.documents import document_of, read, written
from orchestrator.participant.transcoding.errors import RuleError, UnfitMessageError
from orchestrator.participant.transcoding.fields import NoSuchFieldError, find_field, parse


def annotated(method: MethodDescriptor) -> http_pb2.HttpRule | None:
    """The rule that the contract itself gives by ``(google.api.http)``; ``None`` where it gives none.

    It is read through its bytes, so that a descriptor of any pool will do.
    """
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    if not options.HasExtension(annotations_pb2.http):
        return None
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]
    return rule


def named(method: MethodDescriptor) -> http_pb2.HttpRule:
    """A rule for an rpc whose contract gives none: ``POST /hotel.v1.HotelService/BookRoom``, all in the body."""
    return http_pb2.HttpRule(post=f"/{method.containing_service.full_name}/{method.name}", body="*")


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule of one rpc.

    Attributes:
        method: the rpc.
        bindings: the ways to call it; a client takes the first that its request fits.
        response_body: the field of the reply that is the body; ``None`` for the whole reply.
    """

    method: MethodDescriptor
    bindings: tuple[Binding, ...]
    response_body: FieldDescriptor | None

    @classmethod
    def of(cls, method: MethodDescriptor, rule: http_pb2.HttpRule | None = None) -> "Rule":
        """Compile a rule; without one, the contract's own.

        Raises:
            RuleError: it makes no sense, or there is none.
        """
        said = rule or annotated(method)
        if said is None:
            raise RuleError(method.full_name, "is not in its contract")
        bindings = tuple(Binding.of(method, each) for each in _each(method, said))
        if not said.response_body:
            return cls(method, bindings, None)
        try:
            return cls(method, bindings, find_field(method.output_type, said.response_body))
        except NoSuchFieldError as error:
            raise RuleError(method.full_name, f"names a response_body, but {error}") from error

    def call(self, request: Message) -> HttpCall:
        """The call that says a request.

        Raises:
            UnfitMessageError: no binding can; it is what the first one says.
        """
        refused = None
        for binding in self.bindings:
            try:
                return binding.call(request)
            except UnfitMessageError as error:
                refused = refused or error
        assert refused is not None
        raise refused

    def content(self, reply: Message) -> bytes:
        """The body of a response that says a reply.

        Raises:
            UnfitMessageError: JSON has no form for a value of it.
        """
        if self.response_body is None:
            return written(document_of(reply))
        name = self.response_body.json_name
        document = document_of(reply)
        if name in document or self.response_body.has_presence:
            return written(document.get(name))
        return written(document_of(reply, is_whole=True)[name])

    def reply(self, content: bytes) -> Any:  # noqa: ANN401 - a message of the method's output type
        """The reply that the body of a response says.

        Raises:
            UnreadableError: it says none.
        """
        reply = message_factory.GetMessageClass(self.method.output_type)()
        document = read(content, is_lenient=True) if content else {}
        if self.response_body is not None:
            document = {self.response_body.json_name: document} if content else {}
        parse(document, reply, is_lenient=True)
        return reply


def _each(method: MethodDescriptor, rule: http_pb2.HttpRule) -> Iterator[http_pb2.HttpRule]:
    yield rule
    for additional in rule.additional_bindings:
        if additional.additional_bindings:
            raise RuleError(method.full_name, "has additional bindings within additional bindings")
        yield additional
