-- layout: 1
-- The journal. Statuses are the numbers of saga.v1.Status; instants are nanoseconds since the epoch, UTC.
--
-- What is written once, what is written again and again, and what is written at the end are tables of their own: so
-- the table that is updated holds only the sagas that have not ended, however many have.

-- A row for each saga; never updated.
CREATE TABLE saga (
    id         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- in the order of start
    saga_id    text    COLLATE "C" NOT NULL UNIQUE,
    definition text    NOT NULL,
    version    integer NOT NULL CHECK (version >= 1),
    digest     bytea   NOT NULL,
    started_at bigint  NOT NULL,
    month      date    NOT NULL CHECK (extract(day FROM month) = 1), -- in which it started, by this database's clock
    attributes text    NOT NULL -- JSON; text, because jsonb takes no NUL
);

-- A row for each saga that has not ended. No reference to saga: that would be a look-up with each start, and the rows of
-- one start are written by one statement.
CREATE TABLE open_saga (
    saga_id    text     COLLATE "C" PRIMARY KEY,
    saga       bigint   NOT NULL,
    definition text     NOT NULL,
    version    integer  NOT NULL,
    started_at bigint   NOT NULL,
    month      date     NOT NULL,
    status     smallint NOT NULL CHECK (status IN (1, 2, 3, 4, 6)),
    ended_at   bigint, -- of one that has completed, and was claimed to be rolled back with its parent
    owner      text,
    token      bigint   NOT NULL CHECK (token >= 1),
    sequence   integer  NOT NULL CHECK (sequence >= 1), -- how many entries it has
    CHECK ((ended_at IS NOT NULL) = (status = 3))
) WITH (
    -- Every append updates its row: with room in the page, and no index to be changed, that leaves nothing to vacuum.
    fillfactor = 40,
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 2000,
    autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 2000,
    autovacuum_vacuum_cost_delay = 0
);

-- All that a claim reads.
CREATE INDEX open_saga_claimable ON open_saga (owner, saga) WHERE status IN (1, 4);

-- A row for each saga that has ended.
CREATE TABLE ended_saga (
    saga     bigint   PRIMARY KEY,
    status   smallint NOT NULL CHECK (status IN (3, 5, 7)),
    ended_at bigint   NOT NULL, -- may lie before the start: clocks are set back
    token    bigint   NOT NULL,
    sequence integer  NOT NULL
);

CREATE INDEX ended_saga_not_completed ON ended_saga (saga) WHERE status <> 3;

-- The entries of one append: one row. Only ever inserted and, one day, dropped by the month in which the sagas started.
CREATE TABLE chunk (
    saga     bigint  NOT NULL,
    sequence integer NOT NULL CHECK (sequence >= 1), -- that of its last entry
    month    date    NOT NULL,
    entries  bytea   NOT NULL, -- MessagePack: a list of rows, see orchestrator.journal.codec.Row
    PRIMARY KEY (saga, sequence, month)
) PARTITION BY RANGE (month);

-- What is larger than some 2 KB lies out of line, as it is: to compress it would cost every append, and few read it.
ALTER TABLE chunk ALTER COLUMN entries SET STORAGE EXTERNAL;

-- Takes what no other partition takes: those are made in advance, and may be missing once.
CREATE TABLE chunk_other PARTITION OF chunk DEFAULT;

-- By what a saga can be listed. A digest of the name and the value, because either may be longer than an index takes, and
-- may hold a NUL, which no text does.
CREATE TABLE attribute (
    digest bytea  NOT NULL CHECK (octet_length(digest) = 16),
    saga   bigint NOT NULL,
    PRIMARY KEY (digest, saga)
);

-- How many sagas have ended. In several rows each, so that transactions which end sagas at once do not wait for one
-- another; the sum counts, and one row alone may be negative.
CREATE TABLE ended_count (
    definition        text     NOT NULL,
    status            smallint NOT NULL CHECK (status IN (3, 5, 7)),
    slot              smallint NOT NULL,
    number            bigint   NOT NULL,
    oldest_started_at bigint   NOT NULL,
    PRIMARY KEY (definition, status, slot)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

CREATE TABLE replica (
    owner       text   PRIMARY KEY,
    alive_until bigint NOT NULL -- negative once it has let go: before every instant
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

-- Where the code of a saga hung when its process was ended.
CREATE TABLE frozen (
    saga_id text COLLATE "C" PRIMARY KEY,
    place   text NOT NULL
);

-- The time that all leases are judged by.
CREATE FUNCTION journal_now() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint
$$;

-- Makes the partitions of this month and of the next two, where they are missing.
CREATE FUNCTION make_partitions() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first date;
    name text;
BEGIN
    FOR ahead IN 0..2 LOOP
        first := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => ahead);
        name := 'chunk_' || to_char(first, 'YYYY_MM');
        IF to_regclass(name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE %I (LIKE chunk INCLUDING CONSTRAINTS INCLUDING STORAGE)', name);
                EXECUTE format('ALTER TABLE chunk ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                               name, first, first + make_interval(months => 1));
            EXCEPTION
                WHEN check_violation THEN NULL; -- chunk_other holds entries of that month already, and takes the others
            END;
        END IF;
    END LOOP;
END
$$;

-- One transaction of a group of appends; the places of those that were written. The others are refused, and have
-- written nothing. Each place stands once, and each saga too.
CREATE FUNCTION append_group(
    new_places integer[], new_ids text[], new_owners text[], new_tokens bigint[], new_lengths integer[],
    new_statuses smallint[], new_ends bigint[], new_definitions text[], new_versions integer[], new_digests bytea[],
    new_starts bigint[], new_attributes text[],
    more_places integer[], more_ids text[], more_owners text[], more_tokens bigint[], more_expected integer[],
    more_lengths integer[], more_statuses smallint[], more_ends bigint[],
    chunk_places integer[], chunk_sequences integer[], chunks bytea[],
    attribute_places integer[], attribute_digests bytea[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    new_written integer[] := '{}';
    new_sagas bigint[] := '{}';
    new_months date[] := '{}';
    more_written integer[] := '{}';
    more_sagas bigint[] := '{}';
    more_months date[] := '{}';
    ended_definitions text[] := '{}';
    ended_statuses smallint[] := '{}';
    ended_starts bigint[] := '{}';
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true); -- what is acknowledged is durable
    END IF;

    IF cardinality(new_places) > 0 THEN
        WITH wanted AS (
            SELECT *
            FROM unnest(new_places, new_ids, new_owners, new_tokens, new_lengths, new_statuses, new_ends,
                        new_definitions, new_versions, new_digests, new_starts, new_attributes)
              AS w (place, saga_id, owner, token, length, status, ended_at,
                    definition, version, digest, started_at, attributes)
        ), created AS (
            INSERT INTO saga (saga_id, definition, version, digest, started_at, month, attributes)
            SELECT w.saga_id, w.definition, w.version, w.digest, w.started_at, this_month, w.attributes
            FROM wanted AS w
            ORDER BY w.place
            ON CONFLICT (saga_id) DO NOTHING
            RETURNING id, saga_id
        ), both_known AS (
            SELECT c.id, w.* FROM created AS c JOIN wanted AS w ON w.saga_id = c.saga_id
        ), opened AS (
            INSERT INTO open_saga (saga_id, saga, definition, version, started_at, month, status, owner, token, sequence)
            SELECT b.saga_id, b.id, b.definition, b.version, b.started_at, this_month, b.status,
                   CASE WHEN b.status IN (1, 4) THEN b.owner END, b.token, b.length
            FROM both_known AS b
            WHERE b.status NOT IN (3, 5, 7)
        ), ended AS (
            INSERT INTO ended_saga (saga, status, ended_at, token, sequence)
            SELECT b.id, b.status, b.ended_at, b.token, b.length FROM both_known AS b WHERE b.status IN (3, 5, 7)
        )
        SELECT coalesce(array_agg(b.place), '{}'), coalesce(array_agg(b.id), '{}'),
               coalesce(array_agg(this_month), '{}'),
               coalesce(array_agg(b.definition) FILTER (WHERE b.status IN (3, 5, 7)), '{}'),
               coalesce(array_agg(b.status) FILTER (WHERE b.status IN (3, 5, 7)), '{}'),
               coalesce(array_agg(b.started_at) FILTER (WHERE b.status IN (3, 5, 7)), '{}')
        INTO new_written, new_sagas, new_months, ended_definitions, ended_statuses, ended_starts
        FROM both_known AS b;

        IF cardinality(attribute_places) > 0 THEN
            INSERT INTO attribute (digest, saga)
            SELECT a.digest, w.saga
            FROM unnest(attribute_places, attribute_digests) AS a (place, digest)
            JOIN unnest(new_written, new_sagas) AS w (place, saga) ON w.place = a.place;
        END IF;
    END IF;

    IF cardinality(more_places) > 0 THEN
        WITH wanted AS (
            SELECT *
            FROM unnest(more_places, more_ids, more_owners, more_tokens, more_expected, more_lengths, more_statuses,
                        more_ends) AS w (place, saga_id, owner, token, expected, length, status, ended_at)
        ), advanced AS (
            UPDATE open_saga AS o
            SET sequence = o.sequence + w.length, status = w.status, ended_at = NULL,
                owner = CASE WHEN w.status IN (1, 4) THEN o.owner END
            FROM wanted AS w
            WHERE o.saga_id = w.saga_id AND o.owner = w.owner AND o.token = w.token AND o.sequence = w.expected
              AND w.status NOT IN (3, 5, 7)
            RETURNING w.place, o.saga, o.month
        ), closed AS (
            DELETE FROM open_saga AS o
            USING wanted AS w
            WHERE o.saga_id = w.saga_id AND o.owner = w.owner AND o.token = w.token AND o.sequence = w.expected
              AND w.status IN (3, 5, 7)
            RETURNING w.place, o.saga, o.month, o.definition, o.started_at, w.status, w.ended_at, o.token,
                      o.sequence + w.length AS sequence
        ), ended AS (
            INSERT INTO ended_saga (saga, status, ended_at, token, sequence)
            SELECT c.saga, c.status, c.ended_at, c.token, c.sequence FROM closed AS c
        ), written AS (
            SELECT a.place, a.saga, a.month, NULL AS definition, NULL::smallint AS status, NULL::bigint AS started_at
            FROM advanced AS a
            UNION ALL
            SELECT c.place, c.saga, c.month, c.definition, c.status, c.started_at FROM closed AS c
        )
        SELECT coalesce(array_agg(w.place), '{}'), coalesce(array_agg(w.saga), '{}'),
               coalesce(array_agg(w.month), '{}'),
               ended_definitions || coalesce(array_agg(w.definition) FILTER (WHERE w.status IS NOT NULL), '{}'),
               ended_statuses || coalesce(array_agg(w.status) FILTER (WHERE w.status IS NOT NULL), '{}'),
               ended_starts || coalesce(array_agg(w.started_at) FILTER (WHERE w.status IS NOT NULL), '{}')
        INTO more_written, more_sagas, more_months, ended_definitions, ended_statuses, ended_starts
        FROM written AS w;
    END IF;

    INSERT INTO chunk (saga, sequence, month, entries)
    SELECT w.saga, c.sequence, w.month, c.entries
    FROM unnest(chunk_places, chunk_sequences, chunks) AS c (place, sequence, entries)
    JOIN unnest(new_written || more_written, new_sagas || more_sagas, new_months || more_months)
      AS w (place, saga, month) ON w.place = c.place;

    IF cardinality(ended_definitions) > 0 THEN
        INSERT INTO ended_count AS n (definition, status, slot, number, oldest_started_at)
        SELECT e.definition, e.status, pg_backend_pid() % 32, count(*), min(e.started_at)
        FROM unnest(ended_definitions, ended_statuses, ended_starts) AS e (definition, status, started_at)
        GROUP BY e.definition, e.status
        ORDER BY e.definition, e.status
        ON CONFLICT (definition, status, slot) DO UPDATE
        SET number = n.number + excluded.number,
            oldest_started_at = least(n.oldest_started_at, excluded.oldest_started_at);
    END IF;
    RETURN new_written || more_written;
END
$$;

-- Claims one saga that rests; its token, or nothing where it does not rest. One that has completed is open again.
CREATE FUNCTION claim_resting(claimer text, wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    claimed bigint;
    closed record;
    oldest bigint;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    FOR attempt IN 1..2 LOOP
        UPDATE open_saga AS o
        SET owner = claimer, token = o.token + 1
        WHERE o.saga_id = wanted AND o.status IN (3, 6)
        RETURNING o.token INTO claimed;
        IF FOUND THEN
            RETURN claimed;
        END IF;
        DELETE FROM ended_saga AS e
        USING saga AS s
        WHERE s.saga_id = wanted AND e.saga = s.id AND e.status = 3
        RETURNING s.id, s.saga_id, s.definition, s.version, s.started_at, s.month, e.ended_at, e.token, e.sequence
        INTO closed;
        EXIT WHEN FOUND; -- else another one may have claimed it just now, and then it is open
    END LOOP;
    IF closed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO open_saga (saga_id, saga, definition, version, started_at, month, status, ended_at, owner, token, sequence)
    VALUES (closed.saga_id, closed.id, closed.definition, closed.version, closed.started_at, closed.month, 3,
            closed.ended_at, claimer, closed.token + 1, closed.sequence);
    SELECT min(n.oldest_started_at) INTO oldest
    FROM ended_count AS n
    WHERE n.definition = closed.definition AND n.status = 3;
    INSERT INTO ended_count AS n (definition, status, slot, number, oldest_started_at)
    VALUES (closed.definition, 3, pg_backend_pid() % 32, -1, 9223372036854775807)
    ON CONFLICT (definition, status, slot) DO UPDATE SET number = n.number - 1;
    IF closed.started_at <= oldest THEN -- only where it was the oldest, the oldest of the others is looked for
        UPDATE ended_count AS n
        SET oldest_started_at = coalesce(
            (SELECT min(s.started_at)
             FROM ended_saga AS e JOIN saga AS s ON s.id = e.saga
             WHERE e.status = 3 AND s.definition = closed.definition),
            9223372036854775807)
        WHERE n.definition = closed.definition AND n.status = 3;
    END IF;
    RETURN closed.token + 1;
END
$$;
