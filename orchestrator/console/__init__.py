"""The console: what people see and do in a browser, served by the orchestrator beside its API.

Purpose: an operator sees what sagas do, and acts, without the command line. Invariant: no page is answered before it is
known who asks and that their role allows it, and a page reads and acts through the facade alone, as the API does.

::

    a browser ──▶ headers ──▶ door: who asks? may they? is it their own form? ──▶ a page ──▶ the facade
                                │                                                  │
                                ▼                                                  ▼
                        sign-in, or the reason                 HTML from a template; then its live part, as it
                                                               changes: made once for all who look at the same
"""
