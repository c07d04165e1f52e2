-- layout: 1
-- Whose turn it is among the queued sagas of a definition: it counts with the status *waiting* alone. The index holds
-- those that are queued, and no other.
ALTER TABLE open_saga ADD COLUMN turn_at bigint;

CREATE INDEX open_saga_queued ON open_saga (definition, turn_at) WHERE status = 2 AND turn_at IS NOT NULL;

-- The same as without the last one, which says whose turn it is among those that wait.
CREATE FUNCTION append_group(
    new_places integer[], new_ids text[], new_owners text[], new_tokens bigint[], new_lengths integer[],
    new_statuses smallint[], new_ends bigint[], new_definitions text[], new_versions integer[], new_digests bytea[],
    new_starts bigint[], new_attributes text[],
    more_places integer[], more_ids text[], more_owners text[], more_tokens bigint[], more_expected integer[],
    more_lengths integer[], more_statuses smallint[], more_ends bigint[],
    chunk_places integer[], chunk_sequences integer[], chunks bytea[],
    attribute_places integer[], attribute_digests bytea[],
    parked_places integer[], parked_ids text[], parked_until bigint[], parked_turns bigint[]
) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
    written integer[] := append_group(
        new_places, new_ids, new_owners, new_tokens, new_lengths, new_statuses, new_ends, new_definitions, new_versions,
        new_digests, new_starts, new_attributes, more_places, more_ids, more_owners, more_tokens, more_expected,
        more_lengths, more_statuses, more_ends, chunk_places, chunk_sequences, chunks, attribute_places,
        attribute_digests, parked_places, parked_ids, parked_until);
BEGIN
    IF cardinality(parked_places) > 0 THEN
        UPDATE open_saga AS o
        SET turn_at = p.turn_at
        FROM unnest(parked_places, parked_ids, parked_turns) AS p (place, saga_id, turn_at)
        WHERE o.saga_id = p.saga_id AND p.place = ANY (written) AND o.turn_at IS DISTINCT FROM p.turn_at;
    END IF;
    RETURN written;
END
$$;
