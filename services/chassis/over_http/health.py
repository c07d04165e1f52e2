"""The health of a service over HTTP: 200 until the drain begins, and 503 from then on."""

import json
from http import HTTPStatus
from urllib.parse import parse_qs

from orchestrator.participant.http_answers import JSON
from services.chassis.over_http.responses import Response, of_problem


class Health:
    """What is said of the health of one service, and of the server as a whole.

    Args:
        service: the full name of the service.
    """

    def __init__(self, service: str) -> None:
        self._known = frozenset({"", service})
        self._is_draining = False

    def drain(self) -> None:
        """Say from now on that it does not serve."""
        self._is_draining = True

    def response(self, query: str) -> Response:
        """The response to a question for the service that the query names; 404 where it is another one."""
        asked = parse_qs(query).get("service", [""])[0]
        if asked not in self._known:
            return of_problem(HTTPStatus.NOT_FOUND, "no such service here")
        status = HTTPStatus.SERVICE_UNAVAILABLE if self._is_draining else HTTPStatus.OK
        said = "NOT_SERVING" if self._is_draining else "SERVING"
        return Response(status, json.dumps({"status": said}).encode(), JSON)
