-- layout: 1
-- The rates that participants are called at: the next instant that no replica has taken. There is a row for each rate,
-- and it is updated some ten times a second.
CREATE TABLE quota (
    name    text   PRIMARY KEY,
    next_at bigint NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);
