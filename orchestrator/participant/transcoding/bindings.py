"""One way to call an rpc: a method of HTTP, a template for the path, and what of the request is the body."""

from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote

from google.api import http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from orchestrator.participant.transcoding.calls import HttpCall
from orchestrator.participant.transcoding.documents import document_of, read, written
from orchestrator.participant.transcoding.errors import RuleError, UnfitMessageError, UnreadableError
from orchestrator.participant.transcoding.fields import (
    NoSuchFieldError,
    dotted,
    find_field,
    find_path,
    is_bare,
    parse,
    set_texts,
    text_of,
)
from orchestrator.participant.transcoding.templates import Template, TemplateError

Fields: TypeAlias = tuple[FieldDescriptor, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """One way to call an rpc.

    Attributes:
        method: the rpc.
        verb: the method of HTTP; ``*`` for any.
        template: the path.
        paths: the fields of the path's variables.
        body: ``*``, the field that is the body, or ``None`` for none.
    """

    method: MethodDescriptor
    verb: str
    template: Template
    paths: tuple[Fields, ...]
    body: FieldDescriptor | str | None

    @classmethod
    def of(cls, method: MethodDescriptor, rule: http_pb2.HttpRule) -> "Binding":
        """Compile one rule, without its additional bindings.

        Raises:
            RuleError: it makes no sense.
        """
        kind = rule.WhichOneof("pattern")
        if kind is None:
            raise RuleError(method.full_name, "has no path")
        verb, path = (rule.custom.kind, rule.custom.path) if kind == "custom" else (kind.upper(), getattr(rule, kind))
        if verb == "GET" and rule.body:
            raise RuleError(method.full_name, "gives GET a body")
        try:
            template = Template.parse(path)
            paths = tuple(find_path(method.input_type, variable.field) for variable in template.variables)
            body = find_field(method.input_type, rule.body) if rule.body not in {"", "*"} else rule.body or None
        except TemplateError as error:
            raise RuleError(method.full_name, str(error)) from error
        except NoSuchFieldError as error:
            raise RuleError(method.full_name, f"names a field that is not there: {error}") from error
        for fields in paths:
            if fields[-1].is_repeated or not is_bare(fields[-1]) or fields == (body,):
                raise RuleError(method.full_name, f"has {dotted(fields)} in its path, which has no form there")
        return cls(method, verb, template, paths, body)

    def call(self, request: Message) -> HttpCall:
        """The call that says a request.

        Raises:
            UnfitMessageError: it cannot.
        """
        document = document_of(request)
        values = {
            variable.field: self._take(request, document, fields)
            for variable, fields in zip(self.template.variables, self.paths, strict=True)
        }
        for variable in self.template.variables:
            if not variable.fits(values[variable.field]):
                raise UnfitMessageError(variable.field, f"does not fit the path {self.template.text}")
        path = self.template.expand(values)
        if self.body == "*":
            return HttpCall(self.verb, path, body=written(document, is_sorted=True))
        body = self._take_body(request, document)
        query = "&".join(f"{name}={quote(text, safe='-_.~')}" for name, text in self._queried(document))
        return HttpCall(self.verb, path, query, body)

    def request(self, values: dict[str, str], query: str, body: bytes | None) -> Any:  # noqa: ANN401 - a message
        """The request that a call says.

        Args:
            values: of the variables of the path, unescaped, as the template has matched them.
            query: escaped.
            body: what has come; empty is none.

        Raises:
            UnreadableError: it says none.
        """
        message = message_factory.GetMessageClass(self.method.input_type)()
        self._read_body(message, body)
        for name, texts in _queries(query).items():
            set_texts(message, self._queried_field(name), texts)
        for fields in self.paths:
            self._read_path(message, fields, values[dotted(fields)])
        return message

    def _take(self, request: Message, document: dict[str, Any], fields: Fields) -> str:
        """The text of a field of the path, which is taken out of the document."""
        inner: Any = request
        for container in fields[:-1]:
            if not inner.HasField(container.name):
                raise UnfitMessageError(dotted(fields), "is in the path, and has no value")
            document, inner = document[container.json_name], getattr(inner, container.name)
        field = fields[-1]
        if field.has_presence and not inner.HasField(field.name):
            raise UnfitMessageError(dotted(fields), "is in the path, and has no value")
        if field.json_name not in document:
            return text_of(field, document_of(inner, is_whole=True)[field.json_name])
        return text_of(field, document.pop(field.json_name))

    def _take_body(self, request: Message, document: dict[str, Any]) -> bytes | None:
        if not isinstance(self.body, FieldDescriptor):
            return None
        field = self.body
        if field.has_presence and not request.HasField(field.name):
            return None
        value = document.pop(field.json_name, None)
        if value is None:
            value = document_of(request, is_whole=True)[field.json_name]
        return written(value, is_sorted=True)

    def _queried(self, document: dict[str, Any]) -> list[tuple[str, str]]:
        held = {fields[:length] for fields in self.paths for length in range(1, len(fields))}
        return [
            (_json_path(fields), text)
            for fields, text in _leaves(self.method.input_type, document, (), frozenset(held))
        ]

    def _queried_field(self, name: str) -> Fields:
        try:
            fields = find_path(self.method.input_type, name)
        except NoSuchFieldError as error:
            raise UnreadableError(name, "there is no such field") from error
        if self.body == "*" or fields[0] == self.body:
            raise UnreadableError(name, "is a field of the body, and not of the query")
        if fields in self.paths:
            raise UnreadableError(name, "is a field of the path, and not of the query")
        return fields

    def _read_body(self, message: Message, body: bytes | None) -> None:
        if self.body is None:
            if body:
                raise UnreadableError("", "a body is not taken here")
        elif body:
            name = "" if isinstance(self.body, str) else self.body.json_name
            document = read(body, name)
            parse({name: document} if name else document, message)

    def _read_path(self, message: Message, fields: Fields, text: str) -> None:
        """The body may repeat a field of the path, and not contradict it."""
        said = self._said(message, fields)
        set_texts(message, fields, [text])
        if said is not None and said != self._said(message, fields):
            raise UnreadableError(dotted(fields), "is not the same in the path and in the body")

    @staticmethod
    def _said(message: Message, fields: Fields) -> object:
        """The value of a field in bytes; ``None`` where it has none, or its default."""
        inner: Any = message
        for field in fields[:-1]:
            if not inner.HasField(field.name):
                return None
            inner = getattr(inner, field.name)
        said = dict(inner.ListFields()).get(inner.DESCRIPTOR.fields_by_name[fields[-1].name])
        return said.SerializeToString(deterministic=True) if isinstance(said, Message) else said


def _leaves(
    message: Descriptor, document: dict[str, Any], at: Fields, held: frozenset[Fields]
) -> list[tuple[Fields, str]]:
    """The fields that a document sets, with their texts; ``held`` are messages that a field of the path sets anyway."""
    found: list[tuple[Fields, str]] = []
    for name, value in document.items():
        field = find_field(message, name)
        fields = (*at, field)
        inner = field.message_type
        if is_bare(field):
            found += [(fields, text_of(field, each)) for each in (value if field.is_repeated else [value])]
        elif inner is None or field.is_repeated or inner.full_name.startswith("google.protobuf."):
            raise UnfitMessageError(dotted(fields), "has no form for a query")
        else:
            leaves = _leaves(inner, value, fields, held)
            if not leaves and fields not in held:
                raise UnfitMessageError(dotted(fields), "is an empty message, which has no form for a query")
            found += leaves
    return found


def _json_path(fields: Fields) -> str:
    return ".".join(field.json_name for field in fields)


def _queries(query: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        for name, text in parse_qsl(query, keep_blank_values=True, errors="strict"):
            found.setdefault(name, []).append(text)
    except UnicodeDecodeError as error:
        raise UnreadableError("", "the query is not in UTF-8") from error
    return found
