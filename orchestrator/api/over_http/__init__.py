"""The API as JSON over HTTP, by the rules ``(google.api.http)`` of the contracts; the console's page tells more."""
