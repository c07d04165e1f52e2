-- Statistics that do not read what has ended: how many sagas have, is counted as they end.
CREATE TABLE ended_count (
    definition        TEXT    NOT NULL,
    status            INTEGER NOT NULL CHECK (status IN (3, 5, 7)),
    number            INTEGER NOT NULL CHECK (number >= 0),
    oldest_started_at INTEGER NOT NULL,
    PRIMARY KEY (definition, status)
) STRICT, WITHOUT ROWID;

INSERT INTO ended_count (definition, status, number, oldest_started_at)
SELECT s.definition, s.status, count(*), min(s.started_at)
FROM saga AS s
WHERE s.status IN (3, 5, 7)
GROUP BY s.definition, s.status;
