-- The rates that participants are called at: the next instant that nobody has taken.
CREATE TABLE quota (
    name    TEXT    PRIMARY KEY,
    next_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
