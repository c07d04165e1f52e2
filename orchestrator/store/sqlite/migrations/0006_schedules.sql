-- Sagas that start by themselves. Instants are nanoseconds since the epoch, UTC.
CREATE TABLE schedule (
    uid        TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    definition TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 0), -- 0 for the newest
    due_at     INTEGER,                               -- from when on a replica has something to do
    document   TEXT    NOT NULL CHECK (json_valid(document))
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_due ON schedule (due_at) WHERE due_at IS NOT NULL;

-- For ever: ids of sagas follow from these, and a request that comes late must not make one of them again.
CREATE TABLE deleted_schedule (
    uid        TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
