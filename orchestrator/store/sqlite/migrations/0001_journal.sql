-- The journal. Statuses are the numbers of saga.v1.Status; instants are nanoseconds since the epoch, UTC.

CREATE TABLE saga (
    id         INTEGER PRIMARY KEY, -- in the order of start, so that new sagas touch neighbouring pages
    saga_id    TEXT    NOT NULL UNIQUE,
    definition TEXT    NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 1),
    status     INTEGER NOT NULL CHECK (status BETWEEN 1 AND 7),
    sequence   INTEGER NOT NULL CHECK (sequence >= 0),
    owner      TEXT,
    token      INTEGER NOT NULL CHECK (token >= 1),
    digest     BLOB    NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER, -- may lie before started_at: clocks are set back
    attributes TEXT    NOT NULL CHECK (json_valid(attributes)),
    CHECK ((ended_at IS NOT NULL) = (status IN (3, 5, 7))),
    CHECK (owner IS NULL OR status IN (1, 2, 4, 6))
) STRICT;

-- Stays small: it holds the sagas that some replica must advance, and no ended one.
CREATE INDEX saga_unfinished ON saga (owner) WHERE status IN (1, 2, 4);
CREATE INDEX saga_open ON saga (status) WHERE status NOT IN (3, 5);

CREATE TABLE entry (
    saga       INTEGER NOT NULL REFERENCES saga (id),
    sequence   INTEGER NOT NULL CHECK (sequence >= 1),
    kind       INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    key        TEXT,
    method     TEXT,
    effect     INTEGER,
    attempt    INTEGER,
    started_at INTEGER,
    payload    BLOB,
    detail     TEXT,
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
