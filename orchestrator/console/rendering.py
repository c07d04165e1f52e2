"""From templates to answers: what every page has in common.

The templates of the console lie beside this module, those of an application in its own folder, and are found there
after its prefix. What a template is told is escaped; a name that it is not told is an error and not nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse

from orchestrator.console.forgery import FIELD, forgery_token
from orchestrator.console.static_files import StaticFolder
from orchestrator.console.times import age, in_words, iso, local
from orchestrator.console.wording import (
    given,
    grouped,
    milliseconds,
    reason_words,
    seconds,
    short_id,
    short_method,
    without_key,
)
from orchestrator.contract.access import Role
from orchestrator.journal.state import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from enum import Enum

    from starlette.requests import Request

    from orchestrator.console.session import Session
    from orchestrator.ports.clock import Clock

_HERE: Final = Path(__file__).parent
_NEVER: Final = Markup("&ndash;")


class Link(NamedTuple):
    """One entry of the navigation.

    Attributes:
        path: to which it leads.
        title: what it is called.
    """

    path: str
    title: str

    def leads_to(self, path: str) -> bool:
        """Whether a page belongs to this entry."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


class Rendering:
    """Makes answers from templates.

    Args:
        navigation: its entries, in their order.
        applications: the folders of those that have templates and static files besides, by their names.
        clock: the time.

    Attributes:
        static: the folders of static files.
        empty_forgery_field: a form's field against forgery, for a script to fill in.
    """

    def __init__(self, navigation: Sequence[Link], applications: Mapping[str, Path], clock: Clock) -> None:
        self.static = {"": StaticFolder("/static", _HERE / "static")}
        folders: dict[str, jinja2.BaseLoader] = {}
        for name, folder in applications.items():
            self.static[name] = StaticFolder(f"/{name}/static", folder / "static")
            folders[name] = jinja2.FileSystemLoader(folder / "templates")
        own = jinja2.FileSystemLoader(_HERE / "templates")
        self._environment = jinja2.Environment(
            loader=jinja2.ChoiceLoader([own, jinja2.PrefixLoader(folders)]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._clock = clock
        self.empty_forgery_field = _forgery_field("")
        self._environment.globals |= {
            "navigation": navigation,
            "static": self._address,
            "Status": Status,
            "Role": Role,
            "now": clock.now,
        }
        self._environment.filters |= {
            "instant": self._instant,
            "age": self._age,
            "local_time": local,
            "in_words": in_words,
            "status_word": status_word,
            "status_class": status_class,
            **{each.__name__: each for each in (given, grouped, milliseconds, reason_words, seconds, short_id)},
            "enum_words": enum_words,
            "short_method": short_method,
            "without_key": without_key,
        }

    def answer(self, request: Request, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:  # noqa: ANN401 - what the template shows
        """A whole page."""
        return HTMLResponse(self.text(template, **_about(request), **shown), status)

    def text(self, template: str, **shown: Any) -> str:  # noqa: ANN401 - see answer
        """A template, filled in."""
        return self._environment.get_template(template).render(shown)

    def _address(self, name: str, application: str = "") -> str:
        return self.static[application].address(name)

    def _instant(self, instant: int | None) -> Markup:
        """An instant in local time, for people and for machines."""
        if not instant:
            return _NEVER
        return Markup('<time datetime="{}">{}</time>').format(iso(instant), local(instant))

    def _age(self, instant: int | None) -> Markup:
        """How long ago an instant was; a script keeps that true while the page is open."""
        if not instant:
            return _NEVER
        shown = Markup('<time datetime="{}" title="{}" data-age>{}</time>')
        return shown.format(iso(instant), local(instant), age(instant, self._clock.now()))


def enum_words(value: Enum) -> str:
    """A member of an enum as people read it."""
    return value.name.lower().replace("_", " ")


def status_word(status: Status) -> str:
    """A status as people read it."""
    return status.name.lower().replace("_", " ")


def status_class(status: Status) -> str:
    """A status as the class of an element."""
    return status.name.lower().replace("_", "-")


def _about(request: Request) -> dict[str, Any]:
    """What the layout says of a request and of who has sent it."""
    session: Session | None = getattr(request.state, "session", None)
    token = forgery_token(session.secret) if session else ""
    return {
        "path": request.url.path,
        "query": request.url.query,
        "subject": session.subject if session else None,
        "forgery_token": token,
        "forgery_field": _forgery_field(token),
    }


def _forgery_field(token: str) -> Markup:
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token)
