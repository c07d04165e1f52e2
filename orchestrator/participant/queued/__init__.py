r"""The wire of commands over a queue: what a saga's command and its reply look like in NATS JetStream.

Purpose: both sides write and read the same subjects, headers, streams and consumers. Invariant: nothing here connects
to anything, and nothing here decides what a reply means.

::

    orchestrator ──publish, acknowledged──▶ stream <prefix> ──one consumer a service──▶ participant, its guard
        ▲  <prefix>.<full.service.Name>.<Method>      │ too many deliveries, unreadable          │
        │                                             ▼                                          │
        │                                   stream <prefix>-dead                                 │
        └──────────── stream <prefix>-replies, the subject that the command names ◀──────────────┘

A command is acknowledged to the stream once its reply is in the other one. What makes it take effect once is the
participant's guard, and not the acknowledgement: a command may be delivered again at any time.

| module     | what is in it                                                   |
|------------|-----------------------------------------------------------------|
| `subjects` | the names of subjects, streams and consumers                    |
| `headers`  | metadata as headers, and back                                   |
| `command`  | one command as a message                                        |
| `reply`    | one reply as a message                                          |
| `streams`  | how the streams and consumers are to be made                    |

Three identities travel with a command, and they are three things. ``idempotency-key``: the same for every attempt; the
guard goes by it. ``Nats-Msg-Id``: one attempt; the broker swallows a second message with the same one, so another
attempt has another. ``Saga-Reply-To``: where the reply to this attempt is found, also by a replica that did not ask.
"""
