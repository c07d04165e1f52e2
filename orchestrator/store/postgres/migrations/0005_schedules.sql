-- layout: 1
-- Sagas that start by themselves. Instants are nanoseconds since the epoch, UTC, of journal_now().
CREATE TABLE schedule (
    uid        text    COLLATE "C" PRIMARY KEY,
    name       text    COLLATE "C" NOT NULL UNIQUE,
    revision   bigint  NOT NULL CHECK (revision >= 1),
    definition text    NOT NULL,
    version    integer NOT NULL CHECK (version >= 0), -- 0 for the newest
    due_at     bigint,                                -- from when on a replica has something to do
    document   text    NOT NULL                       -- JSON; text, because jsonb takes no NUL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

CREATE INDEX schedule_due ON schedule (due_at) WHERE due_at IS NOT NULL;

-- For ever: ids of sagas follow from these, and a request that comes late must not make one of them again.
CREATE TABLE deleted_schedule (
    uid        text   COLLATE "C" PRIMARY KEY,
    name       text   COLLATE "C" NOT NULL,
    deleted_at bigint NOT NULL
);
