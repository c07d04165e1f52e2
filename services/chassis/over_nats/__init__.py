"""How commands come over NATS: each is a durable message, and so is its reply.

::

    stream <prefix> ──pulled──▶ readable? ─▶ in time? ─▶ answered as any other call ─▶ reply durable ─▶ acknowledged
                                   │            │                                        ▲
                        dead letter             └── DEADLINE_EXCEEDED, not executed ─────┘

Invariant: a command is acknowledged after its reply is durable, so that neither is lost when this process dies between
the two. It is delivered again then, and the guard, not the acknowledgement, makes it take effect once.

| module       | what is in it                                                   |
|--------------|-----------------------------------------------------------------|
| `pulling`    | asks the broker for commands, again whenever a request has died |
| `deliveries` | one command, from its delivery to its acknowledgement           |
| `replies`    | what is published: replies, and dead letters                    |
| `server`     | the connection, health, and the drain                           |
| `opening`    | from the settings to all of this                                |
"""
