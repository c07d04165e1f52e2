-- layout: 1
-- What made sagas fail, and how they fare over time. Instants are nanoseconds since the epoch, UTC.

-- Why a saga goes back, went back or waits for an operator: it counts with the statuses 4 to 7 alone. Those of sagas that
-- an earlier version has written are noted from their journals, when a replica comes to it.
CREATE TABLE cause (
    saga    bigint PRIMARY KEY,
    code    text   NOT NULL,
    command text   COLLATE "C" NOT NULL, -- the full name of the rpc, or empty
    message text   COLLATE "C" NOT NULL,
    since   bigint NOT NULL
);

CREATE INDEX cause_command ON cause (command, saga);

-- Of this definition, the newest ones are found without reading the others.
CREATE INDEX saga_definition ON saga (definition, id);

-- Those that wait in the order of start: a list reads its page.
CREATE INDEX open_saga_waiting ON open_saga (saga) WHERE status = 2;
CREATE INDEX ended_saga_partially_compensated ON ended_saga (saga) WHERE status = 7;

-- How many sagas started or ended alike within a time. A start is counted under the status 1. What is new is in several
-- rows, so that transactions which end sagas at once do not wait for one another; the sum counts, and one row alone may
-- be negative.
CREATE TABLE figure (
    grain      smallint NOT NULL CHECK (grain BETWEEN 0 AND 4), -- see orchestrator.ports.figures.Grain
    at         bigint   NOT NULL,                               -- when that time begins
    definition text     COLLATE "C" NOT NULL,
    status     smallint NOT NULL CHECK (status IN (1, 3, 5, 7)),
    latency    smallint NOT NULL,                               -- the number of the bucket
    code       text     COLLATE "C" NOT NULL,
    command    text     COLLATE "C" NOT NULL,
    slot       smallint NOT NULL,
    number     bigint   NOT NULL,
    PRIMARY KEY (grain, at, definition, status, latency, code, command, slot)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- The number of the bucket of a time, see orchestrator.ports.figures.LATENCY_BOUNDS.
CREATE FUNCTION latency_bucket(latency bigint) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT width_bucket(latency, ARRAY[
        1000000, 1500000, 2000000, 3000000, 5000000, 7000000, 10000000, 15000000, 20000000, 30000000, 50000000,
        70000000, 100000000, 150000000, 200000000, 300000000, 500000000, 700000000, 1000000000, 1500000000,
        2000000000, 3000000000, 5000000000, 7000000000, 10000000000, 15000000000, 20000000000, 30000000000,
        50000000000, 70000000000, 100000000000, 150000000000, 200000000000, 300000000000, 500000000000,
        700000000000, 1000000000000, 1500000000000, 2000000000000, 3000000000000, 5000000000000, 7000000000000,
        10000000000000, 15000000000000, 20000000000000, 30000000000000, 50000000000000, 70000000000000,
        100000000000000, 150000000000000, 200000000000000, 300000000000000, 500000000000000, 700000000000000
    ]::bigint[])::smallint
$$;

-- From here on nobody starts or ends a saga until this is durable: what is there is counted now, and all that comes is
-- counted as it comes, by whichever version of the program.
LOCK TABLE saga, ended_saga IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO figure (grain, at, definition, status, latency, code, command, slot, number)
SELECT 0, s.started_at - s.started_at % 60000000000, s.definition, 1, 0, '', '', 0, count(*)
FROM saga AS s
GROUP BY 2, 3;

INSERT INTO figure (grain, at, definition, status, latency, code, command, slot, number)
SELECT 0, e.ended_at - e.ended_at % 60000000000, s.definition, e.status, latency_bucket(e.ended_at - s.started_at), '', '',
       0, count(*)
FROM ended_saga AS e JOIN saga AS s ON s.id = e.saga
GROUP BY 2, 3, 4, 5;

-- Also refuses a start of what is being deleted, see 0004: so there is one trigger for both.
CREATE OR REPLACE FUNCTION refuse_just_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM started AS s JOIN deleted_saga AS d ON d.key = tombstone_of(s.saga_id)) THEN
        RAISE EXCEPTION 'a saga was deleted just now' USING ERRCODE = 'serialization_failure';
    END IF;
    INSERT INTO figure AS f (grain, at, definition, status, latency, code, command, slot, number)
    SELECT 0, s.started_at - s.started_at % 60000000000, s.definition, 1, 0, '', '', pg_backend_pid() % 32, count(*)
    FROM started AS s
    GROUP BY 2, 3
    ORDER BY 2, 3
    ON CONFLICT (grain, at, definition, status, latency, code, command, slot) DO UPDATE
    SET number = f.number + excluded.number;
    RETURN NULL;
END
$$;

CREATE FUNCTION count_ended_sagas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO figure AS f (grain, at, definition, status, latency, code, command, slot, number)
    SELECT 0, e.ended_at - e.ended_at % 60000000000, s.definition, e.status, latency_bucket(e.ended_at - s.started_at),
           coalesce(c.code, ''), coalesce(c.command, ''), pg_backend_pid() % 32, count(*)
    FROM ended AS e
    JOIN saga AS s ON s.id = e.saga
    LEFT JOIN cause AS c ON e.status <> 3 AND c.saga = e.saga
    GROUP BY 2, 3, 4, 5, 6, 7
    ORDER BY 2, 3, 4, 5, 6, 7
    ON CONFLICT (grain, at, definition, status, latency, code, command, slot) DO UPDATE
    SET number = f.number + excluded.number;
    RETURN NULL;
END
$$;

CREATE TRIGGER ended_saga_count AFTER INSERT ON ended_saga
    REFERENCING NEW TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION count_ended_sagas();

-- Whose row in saga is still there goes on, and has not ended any more; the others were deleted, and stay counted.
CREATE FUNCTION uncount_ended_sagas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cause AS c
    USING ended AS e
    WHERE c.saga = e.saga AND NOT EXISTS (SELECT FROM saga AS s WHERE s.id = e.saga);
    INSERT INTO figure AS f (grain, at, definition, status, latency, code, command, slot, number)
    SELECT 0, e.ended_at - e.ended_at % 60000000000, s.definition, e.status, latency_bucket(e.ended_at - s.started_at),
           '', '', pg_backend_pid() % 32, -count(*)
    FROM ended AS e JOIN saga AS s ON s.id = e.saga
    GROUP BY 2, 3, 4, 5
    ORDER BY 2, 3, 4, 5
    ON CONFLICT (grain, at, definition, status, latency, code, command, slot) DO UPDATE
    SET number = f.number + excluded.number;
    RETURN NULL;
END
$$;

CREATE TRIGGER ended_saga_uncount AFTER DELETE ON ended_saga
    REFERENCING OLD TABLE AS ended FOR EACH STATEMENT EXECUTE FUNCTION uncount_ended_sagas();

-- Tells the causes of sagas; those that have ended are counted under them from now on. With only_missing, not of sagas of
-- which one is known.
CREATE FUNCTION tell_causes(
    saga_ids text[], codes text[], commands text[], messages text[], sinces bigint[], only_missing boolean
) RETURNS void LANGUAGE sql AS $$
    WITH told AS (
        SELECT s.id, s.definition, s.started_at, e.status, e.ended_at, coalesce(c.code, '') AS old_code,
               coalesce(c.command, '') AS old_command, t.code, t.command, t.message, t.since
        FROM unnest(saga_ids, codes, commands, messages, sinces) AS t (saga_id, code, command, message, since)
        JOIN saga AS s ON s.saga_id = t.saga_id
        LEFT JOIN ended_saga AS e ON e.saga = s.id
        LEFT JOIN cause AS c ON c.saga = s.id
        WHERE NOT (only_missing AND c.saga IS NOT NULL)
    ), written AS (
        INSERT INTO cause AS c (saga, code, command, message, since)
        SELECT t.id, t.code, t.command, t.message, t.since FROM told AS t ORDER BY t.id
        ON CONFLICT (saga) DO UPDATE
        SET code = excluded.code, command = excluded.command, message = excluded.message, since = excluded.since
        WHERE NOT only_missing
        RETURNING c.saga
    ), counted AS (
        SELECT t.*, n.code AS under_code, n.command AS under_command, n.number
        FROM told AS t
        JOIN written AS w ON w.saga = t.id
        CROSS JOIN LATERAL (VALUES (t.old_code, t.old_command, -1), (t.code, t.command, 1)) AS n (code, command, number)
        WHERE t.status IN (5, 7)
    )
    INSERT INTO figure AS f (grain, at, definition, status, latency, code, command, slot, number)
    SELECT 0, c.ended_at - c.ended_at % 60000000000, c.definition, c.status, latency_bucket(c.ended_at - c.started_at),
           c.under_code, c.under_command, pg_backend_pid() % 32, sum(c.number)
    FROM counted AS c
    GROUP BY 2, 3, 4, 5, 6, 7
    HAVING sum(c.number) <> 0
    ORDER BY 2, 3, 4, 5, 6, 7
    ON CONFLICT (grain, at, definition, status, latency, code, command, slot) DO UPDATE
    SET number = f.number + excluded.number
$$;

-- The same as without the last six, which tell the causes of places that go back now, or wait for an operator.
CREATE FUNCTION append_group(
    new_places integer[], new_ids text[], new_owners text[], new_tokens bigint[], new_lengths integer[],
    new_statuses smallint[], new_ends bigint[], new_definitions text[], new_versions integer[], new_digests bytea[],
    new_starts bigint[], new_attributes text[],
    more_places integer[], more_ids text[], more_owners text[], more_tokens bigint[], more_expected integer[],
    more_lengths integer[], more_statuses smallint[], more_ends bigint[],
    chunk_places integer[], chunk_sequences integer[], chunks bytea[],
    attribute_places integer[], attribute_digests bytea[],
    parked_places integer[], parked_ids text[], parked_until bigint[], parked_turns bigint[],
    cause_places integer[], cause_ids text[], cause_codes text[], cause_commands text[], cause_messages text[],
    cause_sinces bigint[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    written integer[] := append_group(
        new_places, new_ids, new_owners, new_tokens, new_lengths, new_statuses, new_ends, new_definitions, new_versions,
        new_digests, new_starts, new_attributes, more_places, more_ids, more_owners, more_tokens, more_expected,
        more_lengths, more_statuses, more_ends, chunk_places, chunk_sequences, chunks, attribute_places,
        attribute_digests, parked_places, parked_ids, parked_until, parked_turns);
BEGIN
    IF cardinality(cause_places) > 0 THEN
        PERFORM tell_causes(array_agg(c.saga_id), array_agg(c.code), array_agg(c.command), array_agg(c.message),
                            array_agg(c.since), false)
        FROM unnest(cause_places, cause_ids, cause_codes, cause_commands, cause_messages, cause_sinces)
          AS c (place, saga_id, code, command, message, since)
        WHERE c.place = ANY (written);
    END IF;
    RETURN written;
END
$$;

-- Sums up the oldest new figures of a grain that lie before an instant, those of one time of so many nanoseconds, into
-- each of other grains; into none, they are dropped. Whether there were any. Two that do so at once sum up nothing twice:
-- the rows that one has taken, the other does not find.
CREATE FUNCTION sum_up_grain(
    source smallint, before bigint, at_once bigint, targets smallint[], lengths bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    oldest bigint;
BEGIN
    SELECT min(f.at) INTO oldest FROM figure AS f WHERE f.grain = source AND f.at < before;
    IF oldest IS NULL THEN
        RETURN false;
    END IF;
    oldest := oldest - oldest % at_once;
    WITH taken AS (
        DELETE FROM figure AS f WHERE f.grain = source AND f.at >= oldest AND f.at < oldest + at_once RETURNING f.*
    )
    INSERT INTO figure AS f (grain, at, definition, status, latency, code, command, slot, number)
    SELECT g.grain, t.at - t.at % g.length, t.definition, t.status, t.latency, t.code, t.command, 0, sum(t.number)
    FROM taken AS t CROSS JOIN unnest(targets, lengths) AS g (grain, length)
    GROUP BY 1, 2, 3, 4, 5, 6, 7
    ORDER BY 1, 2, 3, 4, 5, 6, 7
    ON CONFLICT (grain, at, definition, status, latency, code, command, slot) DO UPDATE
    SET number = f.number + excluded.number;
    RETURN true;
END
$$;
