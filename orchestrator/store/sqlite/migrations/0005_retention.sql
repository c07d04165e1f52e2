-- What is kept for ever of each saga that was deleted, by the first 16 bytes of the SHA-256 of its id.
CREATE TABLE deleted_saga (
    key        BLOB    PRIMARY KEY CHECK (length(key) = 16),
    status     INTEGER NOT NULL CHECK (status IN (3, 5, 7)),
    ended_at   INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
