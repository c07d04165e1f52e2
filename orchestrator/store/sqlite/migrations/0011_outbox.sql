-- What sagas tell others, and how far each sink was told. Instants are nanoseconds since the epoch, UTC.
CREATE TABLE event (
    position    INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice, also where the newest ones were deleted
    event_id    TEXT    NOT NULL CHECK (length(event_id) = 32),
    saga_id     TEXT    NOT NULL,
    definition  TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    at          INTEGER NOT NULL,
    provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
    traceparent TEXT    NOT NULL,
    payload     BLOB    NOT NULL
) STRICT;

CREATE INDEX event_saga ON event (saga_id, position);
CREATE INDEX event_at ON event (at, position);

CREATE TABLE sink (
    name          TEXT    PRIMARY KEY,
    position      INTEGER NOT NULL CHECK (position >= 0), -- of the last event that needs not be read again
    owner         TEXT,
    token         INTEGER NOT NULL CHECK (token >= 1),
    alive_until   INTEGER NOT NULL,
    failing_since INTEGER,
    error         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The sagas of which a sink has not taken an event: the later ones wait for it.
CREATE TABLE blocked_saga (
    sink            TEXT    NOT NULL REFERENCES sink (name),
    saga_id         TEXT    NOT NULL,
    position        INTEGER NOT NULL CHECK (position >= 1),
    attempts        INTEGER NOT NULL CHECK (attempts >= 0),
    first_failed_at INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    error           TEXT    NOT NULL,
    PRIMARY KEY (sink, saga_id)
) STRICT, WITHOUT ROWID;

-- The events that a sink has not taken, and that were given up.
CREATE TABLE dead_letter (
    sink            TEXT    NOT NULL REFERENCES sink (name),
    position        INTEGER NOT NULL CHECK (position >= 1),
    saga_id         TEXT    NOT NULL,
    attempts        INTEGER NOT NULL CHECK (attempts >= 1),
    first_failed_at INTEGER NOT NULL,
    died_at         INTEGER NOT NULL,
    error           TEXT    NOT NULL,
    due_at          INTEGER, -- of those that are tried again
    PRIMARY KEY (sink, position)
) STRICT, WITHOUT ROWID;

-- What people have done to sinks.
CREATE TABLE sink_act (
    id           INTEGER PRIMARY KEY,
    sink         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    act          TEXT    NOT NULL,
    requested_by TEXT    NOT NULL
) STRICT;

CREATE INDEX sink_act_sink ON sink_act (sink, id);
