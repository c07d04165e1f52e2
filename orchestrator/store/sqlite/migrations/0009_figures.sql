-- What made sagas fail, and how they fare over time. Instants are nanoseconds since the epoch, UTC.

-- Why a saga goes back, went back or waits for an operator: it counts with the statuses 4 to 7 alone. Those of sagas that
-- an earlier version has written are noted from their journals, when a replica comes to it.
CREATE TABLE cause (
    saga    INTEGER PRIMARY KEY,
    code    TEXT    NOT NULL,
    command TEXT    NOT NULL, -- the full name of the rpc, or empty
    message TEXT    NOT NULL,
    since   INTEGER NOT NULL
) STRICT;

CREATE INDEX cause_command ON cause (command);

-- Of this definition, the newest ones are found without reading the others.
CREATE INDEX saga_definition ON saga (definition);

-- How many sagas started or ended alike within a time. A start is counted under the status 1.
CREATE TABLE figure (
    grain      INTEGER NOT NULL CHECK (grain BETWEEN 0 AND 4), -- see orchestrator.ports.figures.Grain
    at         INTEGER NOT NULL,                               -- when that time begins
    definition TEXT    NOT NULL,
    status     INTEGER NOT NULL CHECK (status IN (1, 3, 5, 7)),
    latency    INTEGER NOT NULL,                               -- the number of the bucket
    code       TEXT    NOT NULL,
    command    TEXT    NOT NULL,
    number     INTEGER NOT NULL,                               -- the sum over the grains counts: one alone may be negative
    PRIMARY KEY (grain, at, definition, status, latency, code, command)
) STRICT, WITHOUT ROWID;

INSERT INTO figure (grain, at, definition, status, latency, code, command, number)
SELECT 0, s.started_at - s.started_at % 60000000000, s.definition, 1, 0, '', '', count(*)
FROM saga AS s
GROUP BY 2, 3;

INSERT INTO figure (grain, at, definition, status, latency, code, command, number)
SELECT 0, s.ended_at - s.ended_at % 60000000000, s.definition, s.status, latency_bucket(s.ended_at - s.started_at), '', '',
       count(*)
FROM saga AS s
WHERE s.status IN (3, 5, 7)
GROUP BY 2, 3, 4, 5;
