"""The path of an HTTP rule: ``/v1/{name=shelves/*/books/*}:cancel``, as google/api/http.proto defines it.

    template = "/" segments [ ":" verb ]
    segments = segment { "/" segment }
    segment  = "*" | "**" | literal | "{" field { "." field } [ "=" segments ] "}"

``*`` is one segment, ``**`` is the rest, and stands last. A variable without segments is ``*``. A variable of one
segment is written with all but ``-_.~``, letters and digits escaped; one of several keeps its slashes, and an escaped
slash that comes stays as it is.

A value with a segment that is empty, ``.`` or ``..`` is refused in both directions: what stands between client and
server may resolve it, and the call would reach another path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

_TOKEN: Final = re.compile(
    r"(?P<wild>\*\*?)|\{(?P<field>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?:=(?P<segments>[^{}]+))?\}|(?P<literal>[^/*{}:]+)"
)
_VERB: Final = re.compile(r":(?P<verb>[^/*{}:]+)$")
_ESCAPED: Final = re.compile(r"(?:%(?!2[Ff])[0-9A-Fa-f]{2})+")
_AMBIGUOUS: Final = frozenset({"", ".", ".."})


class TemplateError(ValueError):
    """A path is no template."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a template.

    Attributes:
        field: the path of the field that it stands for, such as ``book.name``.
        segments: what it matches: literals, ``*`` and ``**``.
    """

    field: str
    segments: tuple[str, ...]

    @property
    def is_long(self) -> bool:
        """Whether it may have several segments."""
        return len(self.segments) > 1 or self.segments == ("**",)

    def fits(self, value: str) -> bool:
        """Whether a value, as the message has it, can stand for it."""
        parts = value.split("/") if self.is_long else [value]
        if self.segments == ("**",) and not value:
            return True
        return _AMBIGUOUS.isdisjoint(parts) and _fits(self.segments, parts)


@dataclass(frozen=True, slots=True)
class Template:
    """A path with variables.

    Attributes:
        text: as the rule has it.
        parts: literals, wildcards and variables, one for each segment or variable.
        verb: what stands behind the colon; empty for none.
    """

    text: str
    parts: tuple[str | Variable, ...]
    verb: str
    _pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """The template of a rule's path.

        Raises:
            TemplateError: it is none; its text says why.
        """
        if not text.startswith("/"):
            raise TemplateError("does not start with a slash")
        verb = _VERB.search(text)
        end = verb.start() if verb else len(text)
        parts = tuple(_parts(text[1:end], text))
        flat = [segment for part in parts for segment in (part.segments if isinstance(part, Variable) else (part,))]
        if "**" in flat[:-1]:
            raise TemplateError(f"has a ** in {text} that is not its last segment")
        fields = [part.field for part in parts if isinstance(part, Variable)]
        if len(set(fields)) < len(fields):
            raise TemplateError(f"names a field twice in {text}")
        named = f":{re.escape(verb['verb'])}" if verb else ""
        return cls(text, parts, verb["verb"] if verb else "", re.compile(_pattern_of(parts) + named))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """Its variables, in order."""
        return tuple(part for part in self.parts if isinstance(part, Variable))

    @property
    def shape(self) -> str:
        """Two templates of one shape fit the same paths."""
        return self._pattern.pattern

    @property
    def order(self) -> tuple[object, ...]:
        """Sorted by it, the template that says more of a path comes before one that says less."""
        flat = [
            segment for part in self.parts for segment in (part.segments if isinstance(part, Variable) else (part,))
        ]
        return ([{"*": 1, "**": 2}.get(segment, 0) for segment in flat], not self.verb, self.text)

    def expand(self, values: Mapping[str, str]) -> str:
        """The path with a value for each variable, escaped; each value fits its variable.

        Raises:
            TemplateError: a wildcard has no name, so that nothing says what it stands for.
        """
        written = []
        for part in self.parts:
            if isinstance(part, Variable):
                written.append(quote(values[part.field], safe="/-_.~" if part.is_long else "-_.~"))
            elif part.startswith("*"):
                raise TemplateError(f"has a wildcard without a name in {self.text}")
            else:
                written.append(part)
        return "/" + "/".join(written) + (f":{self.verb}" if self.verb else "")

    def match(self, path: str) -> dict[str, str] | None:
        """The values of the variables in an escaped path, unescaped; ``None`` where the path does not fit.

        Raises:
            UnicodeDecodeError: what is escaped is not UTF-8.
        """
        found = self._pattern.fullmatch(path)
        if found is None:
            return None
        values = {}
        for variable, text in zip(self.variables, found.groups(), strict=True):
            values[variable.field] = _unescaped(text) if variable.is_long else unquote(text, errors="strict")
            if not variable.fits(values[variable.field]):
                return None
        return values


def _parts(path: str, text: str) -> list[str | Variable]:
    parts: list[str | Variable] = []
    at = 0
    while True:
        token = _TOKEN.match(path, at)
        if token is None or (token.end() < len(path) and path[token.end()] != "/"):
            raise TemplateError(f"has a segment in {text} that cannot be read, at {path[at:]!r}")
        if token["field"]:
            parts.append(Variable(token["field"], _segments(token["segments"] or "*", text)))
        else:
            parts.append(token[0])
        at = token.end() + 1
        if token.end() == len(path):
            return parts


def _segments(segments: str, text: str) -> tuple[str, ...]:
    parts = _parts(segments, text)
    return tuple(part for part in parts if isinstance(part, str))


def _pattern_of(parts: tuple[str | Variable, ...]) -> str:
    return "".join(
        f"/({_of_segments(part.segments)})" if isinstance(part, Variable) else f"/{_of_segments((part,))}"
        for part in parts
    )


def _of_segments(segments: tuple[str, ...]) -> str:
    if segments[1:] and segments[-1] == "**":
        return f"{_of_segments(segments[:-1])}(?:/.*)?"
    return "/".join({"*": "[^/]+", "**": ".*"}.get(segment, re.escape(segment)) for segment in segments)


def _fits(segments: tuple[str, ...], parts: list[str]) -> bool:
    fixed = segments[:-1] if segments[-1] == "**" else segments
    if len(parts) != len(fixed) and (fixed == segments or len(parts) < len(fixed)):
        return False
    return all(segment in ("*", part) for segment, part in zip(fixed, parts, strict=False))


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: unquote(found[0], errors="strict"), text)
