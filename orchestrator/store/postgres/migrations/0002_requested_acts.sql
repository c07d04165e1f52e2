-- layout: 1
-- Acts that one replica requests, and that the owner of the saga carries out. There are few: people make them.
CREATE TABLE requested_act (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of the requests
    request_id  text   COLLATE "C" NOT NULL UNIQUE,
    saga_id     text   COLLATE "C" NOT NULL,
    request     text   NOT NULL, -- JSON: the act, why, and who requests it; text, because jsonb takes no NUL
    answer      text,            -- JSON
    answered_at bigint,
    CHECK ((answer IS NULL) = (answered_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

-- What a replica reads a few times a second: empty, nearly always.
CREATE INDEX requested_act_open ON requested_act (id) WHERE answer IS NULL;
CREATE INDEX requested_act_answered ON requested_act (answered_at) WHERE answer IS NOT NULL;
