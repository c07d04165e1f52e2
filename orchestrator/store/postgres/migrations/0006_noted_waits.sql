-- layout: 1
-- Why sagas have been waiting for a while, for a list of them. A row that is not its saga's owner's, or whose owner is
-- silent, tells nothing any more.
CREATE TABLE noted_wait (
    saga_id text       COLLATE "C" PRIMARY KEY,
    owner   text       NOT NULL,
    reasons smallint[] NOT NULL -- the numbers of saga.v1.WaitReason
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000);

CREATE INDEX noted_wait_owner ON noted_wait (owner);
