-- The same act on many sagas. Instants are nanoseconds since the epoch, UTC.
CREATE TABLE bulk_act (
    bulk_id    TEXT    PRIMARY KEY,
    revision   INTEGER NOT NULL CHECK (revision >= 1),
    due_at     INTEGER, -- from when on a replica has something to do
    expires_at INTEGER, -- from when on it is deleted
    document   TEXT    NOT NULL CHECK (json_valid(document))
) STRICT, WITHOUT ROWID;

CREATE INDEX bulk_act_due ON bulk_act (due_at) WHERE due_at IS NOT NULL;

-- To which sagas it is done, and what came of each.
CREATE TABLE bulk_saga (
    bulk_id     TEXT    NOT NULL REFERENCES bulk_act (bulk_id),
    position    INTEGER NOT NULL CHECK (position >= 1),
    saga_id     TEXT    NOT NULL,
    answer      INTEGER NOT NULL CHECK (answer BETWEEN 1 AND 9),
    why         TEXT    NOT NULL, -- JSON, or empty
    answered_at INTEGER NOT NULL,
    PRIMARY KEY (bulk_id, position)
) STRICT, WITHOUT ROWID;
