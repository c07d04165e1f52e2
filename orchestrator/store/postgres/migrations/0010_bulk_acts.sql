-- layout: 1
-- The same act on many sagas. Instants are nanoseconds since the epoch, UTC, of journal_now().
CREATE TABLE bulk_act (
    bulk_id    text   COLLATE "C" PRIMARY KEY,
    revision   bigint NOT NULL CHECK (revision >= 1),
    due_at     bigint,       -- from when on a replica has something to do
    expires_at bigint,       -- from when on it is deleted
    document   text   NOT NULL -- JSON; text, because jsonb takes no NUL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

CREATE INDEX bulk_act_due ON bulk_act (due_at) WHERE due_at IS NOT NULL;

-- To which sagas it is done, and what came of each.
CREATE TABLE bulk_saga (
    bulk_id     text     COLLATE "C" NOT NULL REFERENCES bulk_act (bulk_id),
    position    integer  NOT NULL CHECK (position >= 1),
    saga_id     text     NOT NULL,
    answer      smallint NOT NULL CHECK (answer BETWEEN 1 AND 9),
    why         text     NOT NULL, -- JSON, or empty
    answered_at bigint   NOT NULL,
    PRIMARY KEY (bulk_id, position)
) WITH (fillfactor = 70);
