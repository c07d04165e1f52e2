-- layout: 1
-- What sagas tell others, and how far each sink was told. Instants are nanoseconds since the epoch, UTC.
--
-- Transactions overtake one another, so the number that an event gets when it is written says nothing of which events
-- can be read already. So what is written waits in outbox, and is numbered once it can be read: by one transaction at a
-- time, which holds the row of event_counter until it is committed. Whoever sees an event sees all that come before it.

-- What was told and not numbered yet. Events of one saga are written one after another, so id is their order.
CREATE TABLE outbox (
    id          bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    text    NOT NULL CHECK (length(event_id) = 32),
    saga_id     text    COLLATE "C" NOT NULL,
    definition  text    NOT NULL,
    type        text    NOT NULL,
    at          bigint  NOT NULL,
    provisional boolean NOT NULL,
    traceparent text    NOT NULL,
    payload     bytea   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE event (
    position    bigint  PRIMARY KEY CHECK (position >= 1),
    event_id    text    NOT NULL CHECK (length(event_id) = 32),
    saga_id     text    COLLATE "C" NOT NULL,
    definition  text    NOT NULL,
    type        text    NOT NULL,
    at          bigint  NOT NULL,
    provisional boolean NOT NULL,
    traceparent text    NOT NULL,
    payload     bytea   NOT NULL
);

CREATE INDEX event_saga ON event (saga_id, position);
CREATE INDEX event_at ON event (at, position);

-- The number of the newest event; it is remembered also where that event was deleted.
CREATE TABLE event_counter (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    newest bigint  NOT NULL CHECK (newest >= 0)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);
INSERT INTO event_counter (newest) VALUES (0);

CREATE TABLE sink (
    name          text   COLLATE "C" PRIMARY KEY,
    position      bigint NOT NULL CHECK (position >= 0), -- of the last event that needs not be read again
    owner         text,
    token         bigint NOT NULL CHECK (token >= 1),
    alive_until   bigint NOT NULL,
    failing_since bigint,
    error         text   NOT NULL
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 200);

-- The sagas of which a sink has not taken an event: the later ones wait for it.
CREATE TABLE blocked_saga (
    sink            text    COLLATE "C" NOT NULL REFERENCES sink (name),
    saga_id         text    COLLATE "C" NOT NULL,
    position        bigint  NOT NULL CHECK (position >= 1),
    attempts        integer NOT NULL CHECK (attempts >= 0),
    first_failed_at bigint  NOT NULL,
    due_at          bigint  NOT NULL,
    error           text    NOT NULL,
    PRIMARY KEY (sink, saga_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);

-- The events that a sink has not taken, and that were given up.
CREATE TABLE dead_letter (
    sink            text    COLLATE "C" NOT NULL REFERENCES sink (name),
    position        bigint  NOT NULL CHECK (position >= 1),
    saga_id         text    COLLATE "C" NOT NULL,
    attempts        integer NOT NULL CHECK (attempts >= 1),
    first_failed_at bigint  NOT NULL,
    died_at         bigint  NOT NULL,
    error           text    NOT NULL,
    due_at          bigint, -- of those that are tried again
    PRIMARY KEY (sink, position)
);

-- What people have done to sinks.
CREATE TABLE sink_act (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sink         text   COLLATE "C" NOT NULL,
    at           bigint NOT NULL,
    act          text   NOT NULL,
    requested_by text   NOT NULL
);

CREATE INDEX sink_act_sink ON sink_act (sink, id);

-- The same as without the last nine, which are the events that places tell.
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
    cause_sinces bigint[],
    event_places integer[], event_ids text[], event_sagas text[], event_definitions text[], event_types text[],
    event_instants bigint[], event_provisional boolean[], event_traceparents text[], event_payloads bytea[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    written integer[] := append_group(
        new_places, new_ids, new_owners, new_tokens, new_lengths, new_statuses, new_ends, new_definitions, new_versions,
        new_digests, new_starts, new_attributes, more_places, more_ids, more_owners, more_tokens, more_expected,
        more_lengths, more_statuses, more_ends, chunk_places, chunk_sequences, chunks, attribute_places,
        attribute_digests, parked_places, parked_ids, parked_until, parked_turns, cause_places, cause_ids, cause_codes,
        cause_commands, cause_messages, cause_sinces);
BEGIN
    INSERT INTO outbox (event_id, saga_id, definition, type, at, provisional, traceparent, payload)
    SELECT t.event_id, t.saga_id, t.definition, t.type, t.at, t.provisional, t.traceparent, t.payload
    FROM unnest(event_places, event_ids, event_sagas, event_definitions, event_types, event_instants, event_provisional,
                event_traceparents, event_payloads) WITH ORDINALITY
      AS t (place, event_id, saga_id, definition, type, at, provisional, traceparent, payload, number)
    WHERE t.place = ANY (written)
    ORDER BY t.number;
    RETURN written;
END
$$;

-- Numbers the oldest events that can be read and have no number; how many. Where another one does that, after that one:
-- so who reads next finds every event that was committed before.
CREATE FUNCTION number_events(most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    before bigint;
    numbered integer;
BEGIN
    IF NOT EXISTS (SELECT FROM outbox) THEN
        RETURN 0;
    END IF;
    PERFORM set_config('lock_timeout', '5s', true);
    SELECT c.newest INTO before FROM event_counter AS c FOR UPDATE;
    WITH oldest AS (
        SELECT o.id FROM outbox AS o ORDER BY o.id LIMIT most
    ), taken AS (
        DELETE FROM outbox AS o USING oldest AS f WHERE o.id = f.id RETURNING o.*
    )
    INSERT INTO event (position, event_id, saga_id, definition, type, at, provisional, traceparent, payload)
    SELECT before + row_number() OVER (ORDER BY t.id), t.event_id, t.saga_id, t.definition, t.type, t.at, t.provisional,
           t.traceparent, t.payload
    FROM taken AS t;
    GET DIAGNOSTICS numbered = ROW_COUNT;
    IF numbered > 0 THEN
        UPDATE event_counter SET newest = before + numbered;
    END IF;
    RETURN numbered;
END
$$;

-- Writes down what has come of deliveries, unless the claim is lost; whether it was not.
CREATE FUNCTION note_progress(
    noted_sink text, noted_token bigint, noted_position bigint, noted_failing_since bigint, noted_error text,
    blocked_ids text[], blocked_positions bigint[], blocked_attempts integer[], blocked_since bigint[],
    blocked_until bigint[], blocked_errors text[], freed text[],
    dead_positions bigint[], dead_ids text[], dead_attempts integer[], dead_since bigint[], dead_at bigint[],
    dead_errors text[], dead_until bigint[], revived bigint[]
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sink AS s
    SET position = noted_position, failing_since = noted_failing_since, error = noted_error
    WHERE s.name = noted_sink AND s.token = noted_token;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO blocked_saga (sink, saga_id, position, attempts, first_failed_at, due_at, error)
    SELECT noted_sink, b.*
    FROM unnest(blocked_ids, blocked_positions, blocked_attempts, blocked_since, blocked_until, blocked_errors) AS b
    ON CONFLICT (sink, saga_id) DO UPDATE
    SET position = excluded.position, attempts = excluded.attempts, first_failed_at = excluded.first_failed_at,
        due_at = excluded.due_at, error = excluded.error;
    DELETE FROM blocked_saga AS b WHERE b.sink = noted_sink AND b.saga_id = ANY (freed);
    INSERT INTO dead_letter (sink, position, saga_id, attempts, first_failed_at, died_at, error, due_at)
    SELECT noted_sink, d.*
    FROM unnest(dead_positions, dead_ids, dead_attempts, dead_since, dead_at, dead_errors, dead_until) AS d
    ON CONFLICT (sink, position) DO UPDATE
    SET attempts = excluded.attempts, died_at = excluded.died_at, error = excluded.error, due_at = excluded.due_at;
    DELETE FROM dead_letter AS d WHERE d.sink = noted_sink AND d.position = ANY (revived);
    RETURN true;
END
$$;

-- Has every event after a position told once more; whether there is such a sink. Another token: what the relay that has
-- the claim notes from now on does not count.
CREATE FUNCTION replay_events(wanted text, after bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    reached bigint;
BEGIN
    UPDATE sink AS s
    SET position = least(after, (SELECT c.newest FROM event_counter AS c)),
        owner = NULL, token = s.token + 1, alive_until = 0
    WHERE s.name = wanted
    RETURNING s.position INTO reached;
    DELETE FROM blocked_saga AS b WHERE b.sink = wanted AND b.position > reached;
    DELETE FROM dead_letter AS d WHERE d.sink = wanted AND d.position > reached;
    RETURN reached IS NOT NULL;
END
$$;

CREATE FUNCTION forget_sink(wanted text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM blocked_saga AS b WHERE b.sink = wanted;
    DELETE FROM dead_letter AS d WHERE d.sink = wanted;
    DELETE FROM sink AS s WHERE s.name = wanted;
    RETURN FOUND;
END
$$;
