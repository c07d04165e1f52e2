"""Which routes of an HTTP service are guarded, and how.

    {("POST", "/rooms"): Kind.COMMAND, ("POST", "/rooms/cancel"): Kind.COMPENSATION, ("GET", "/rooms/{id}"): Kind.QUERY}

``{name}`` stands for one segment of a path, whatever its name. A path that is listed literally comes first; then the
first template that fits, in the order of the list.
"""

import re
from collections.abc import Mapping
from typing import Final

from orchestrator.participant.metadata import Kind

_PARAMETER: Final = re.compile(r"\{\w+\}")


class Routes:
    """The guarded routes of a service."""

    def __init__(self, kinds: Mapping[tuple[str, str], Kind]) -> None:
        self._literal = {route: kind for route, kind in kinds.items() if not _PARAMETER.search(route[1])}
        self._templates = [
            (verb, _pattern(template), kind)
            for (verb, template), kind in kinds.items()
            if (verb, template) not in self._literal
        ]

    def kind(self, verb: str, path: str) -> Kind | None:
        """What a call is; ``None`` where it is not guarded."""
        literal = self._literal.get((verb, path))
        if literal is not None:
            return literal
        return next((kind for each, fits, kind in self._templates if each == verb and fits.fullmatch(path)), None)


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, _PARAMETER.split(template))))
