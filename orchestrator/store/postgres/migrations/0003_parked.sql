-- layout: 1
-- When a parked saga is due, and when it was parked: both count with the status *waiting* alone.
ALTER TABLE open_saga ADD COLUMN wake_at bigint;
ALTER TABLE open_saga ADD COLUMN parked_at bigint;

-- Those that time wakes, those of one definition and version in the order of their time; so what nobody serves is in
-- nobody's way.
CREATE INDEX open_saga_due ON open_saga (definition, version, wake_at) WHERE status = 2 AND wake_at IS NOT NULL;

-- Who watches all sagas reads what was parked lately, and what rests, without those that have slept for days.
CREATE INDEX open_saga_parked ON open_saga (parked_at) WHERE status = 2;
CREATE INDEX open_saga_resting ON open_saga (saga) WHERE status IN (3, 6);

-- The same as without the last two, which say when the places that are parked now are due.
CREATE FUNCTION append_group(
    new_places integer[], new_ids text[], new_owners text[], new_tokens bigint[], new_lengths integer[],
    new_statuses smallint[], new_ends bigint[], new_definitions text[], new_versions integer[], new_digests bytea[],
    new_starts bigint[], new_attributes text[],
    more_places integer[], more_ids text[], more_owners text[], more_tokens bigint[], more_expected integer[],
    more_lengths integer[], more_statuses smallint[], more_ends bigint[],
    chunk_places integer[], chunk_sequences integer[], chunks bytea[],
    attribute_places integer[], attribute_digests bytea[],
    parked_places integer[], parked_ids text[], parked_until bigint[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    written integer[] := append_group(
        new_places, new_ids, new_owners, new_tokens, new_lengths, new_statuses, new_ends, new_definitions, new_versions,
        new_digests, new_starts, new_attributes, more_places, more_ids, more_owners, more_tokens, more_expected,
        more_lengths, more_statuses, more_ends, chunk_places, chunk_sequences, chunks, attribute_places,
        attribute_digests);
BEGIN
    IF cardinality(parked_places) > 0 THEN
        UPDATE open_saga AS o
        SET wake_at = p.wake_at, parked_at = journal_now()
        FROM unnest(parked_places, parked_ids, parked_until) AS p (place, saga_id, wake_at)
        WHERE o.saga_id = p.saga_id AND p.place = ANY (written);
    END IF;
    RETURN written;
END
$$;

-- Claims one saga that rests or is parked; its token, or nothing where it does neither.
CREATE FUNCTION claim_by_name(claimer text, wanted text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    claimed bigint;
BEGIN
    PERFORM set_config('lock_timeout', '5s', true);
    UPDATE open_saga AS o
    SET owner = claimer, token = o.token + 1
    WHERE o.saga_id = wanted AND o.status = 2
    RETURNING o.token INTO claimed;
    RETURN coalesce(claimed, claim_resting(claimer, wanted));
END
$$;
