-- The journal. Statuses are the numbers of saga.v1.Status; instants are nanoseconds since the epoch, UTC.

CREATE TABLE saga (
    id         INTEGER PRIMARY KEY, -- in the order of start, so that new sagas touch neighbouring pages
    saga_id    TEXT    NOT NULL UNIQUE,
    definition TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    status     INTEGER NOT NULL CHECK (status BETWEEN 1 AND 7),
    owner      TEXT,
    token      INTEGER NOT NULL CHECK (token >= 1),
    digest     BLOB    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER, -- may lie before started_at: clocks are set back
    attributes TEXT    NOT NULL CHECK (json_valid(attributes)),
    CHECK ((ended_at IS NOT NULL) = (status IN (3, 5, 7))),
    CHECK (owner IS NULL OR status NOT IN (5, 7))
) STRICT;

-- These stay small: they hold the sagas that some replica must advance, and those that have not ended well.
CREATE INDEX saga_unfinished ON saga (owner) WHERE status IN (1, 2, 4);
CREATE INDEX saga_open ON saga (status) WHERE status NOT IN (3, 5);

-- The entries of one append: one row, so that an append is one insert at the right edge of one tree.
CREATE TABLE chunk (
    saga     INTEGER NOT NULL REFERENCES saga (id),
    sequence INTEGER NOT NULL CHECK (sequence >= 1), -- that of its last entry
    entries  BLOB    NOT NULL, -- MessagePack: a list of rows, see orchestrator.journal.codec.Row
    PRIMARY KEY (saga, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE attribute (
    name  TEXT    NOT NULL,
    value TEXT    NOT NULL,
    saga  INTEGER NOT NULL REFERENCES saga (id),
    PRIMARY KEY (name, value, saga)
) STRICT, WITHOUT ROWID;

CREATE TABLE replica (
    owner       TEXT    PRIMARY KEY,
    alive_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
