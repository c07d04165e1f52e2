"""The API as JSON over HTTP, by the rules ``(google.api.http)`` of the contracts; README.md tells how it is used."""
