-- name: append_group
SELECT append_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                    $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35);

-- name: append_telling_group
SELECT append_group($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                    $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, $39, $40, $41, $42,
                    $43, $44);

-- name: why_refused
SELECT w.place, s.id IS NOT NULL, o.owner, o.token, o.sequence, d.key, d.status, d.ended_at, d.deleted_at
FROM unnest($1::integer[], $2::text[]) AS w (place, saga_id)
LEFT JOIN saga AS s ON s.saga_id = w.saga_id
LEFT JOIN deleted_saga AS d ON d.key = tombstone_of(w.saga_id)
LEFT JOIN open_saga AS o ON o.saga_id = w.saga_id;

-- name: read_chunks
SELECT c.entries
FROM saga AS s JOIN chunk AS c ON c.saga = s.id AND c.month = s.month
WHERE s.saga_id = $1
ORDER BY c.sequence;

-- name: first_chunks
SELECT s.saga_id,
       (SELECT c.entries FROM chunk AS c WHERE c.saga = s.id AND c.month = s.month ORDER BY c.sequence LIMIT 1)
FROM saga AS s
WHERE s.saga_id = ANY ($1);

-- name: search_sagas
-- The placeholder is for the tables, for the conditions that the filter asks for, and for the order.
SELECT s.id, s.saga_id, s.definition, s.version, coalesce(o.status, e.status), s.digest, s.started_at,
       coalesce(o.ended_at, e.ended_at), s.attributes, coalesce(o.sequence, e.sequence),
       CASE o.status WHEN 2 THEN o.wake_at END, CASE o.status WHEN 2 THEN o.turn_at END,
       f.code, f.command, f.message, f.since
FROM %s
LIMIT $1;

-- name: count_sagas
-- Those that have not ended, of which there are few, are counted; those that have, have been when they ended.
SELECT c.definition, c.status, sum(c.number)::bigint, min(c.oldest)
FROM (
    SELECT o.definition, o.status, count(*) AS number, min(o.started_at) AS oldest
    FROM open_saga AS o
    GROUP BY o.definition, o.status
    UNION ALL
    SELECT n.definition, n.status, n.number, n.oldest_started_at FROM ended_count AS n
) AS c
GROUP BY c.definition, c.status
HAVING sum(c.number) > 0
ORDER BY c.definition COLLATE "C", c.status;

-- name: beat
INSERT INTO replica (owner, alive_until) VALUES ($1, journal_now() + $2::bigint)
ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until
RETURNING alive_until - $2::bigint;

-- name: claim_unfinished
-- The owners are few, and are found one after another in the index; so a claim reads what is free, and no saga of a
-- replica that is alive.
WITH RECURSIVE owning (owner) AS (
    (SELECT o.owner FROM open_saga AS o WHERE o.status IN (1, 4) AND o.owner IS NOT NULL ORDER BY o.owner LIMIT 1)
    UNION ALL
    SELECT (SELECT o.owner
            FROM open_saga AS o
            WHERE o.status IN (1, 4) AND o.owner > w.owner
            ORDER BY o.owner
            LIMIT 1)
    FROM owning AS w
    WHERE w.owner IS NOT NULL
), silent AS (
    SELECT w.owner
    FROM owning AS w
    WHERE w.owner IS NOT NULL
      AND w.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > journal_now())
), served AS (
    SELECT v.definition, v.version FROM unnest($3::text[], $4::integer[]) AS v (definition, version)
), abandoned AS (
    SELECT f.saga_id, f.saga
    FROM silent AS s
    CROSS JOIN LATERAL (
        SELECT o.saga_id, o.saga
        FROM open_saga AS o
        WHERE o.status IN (1, 4) AND o.owner = s.owner
          AND ($3::text[] IS NULL OR (o.definition, o.version) IN (SELECT v.definition, v.version FROM served AS v))
        ORDER BY o.saga
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) AS f
), released AS (
    SELECT o.saga_id, o.saga
    FROM open_saga AS o
    WHERE o.status IN (1, 4) AND o.owner IS NULL
      AND ($3::text[] IS NULL OR (o.definition, o.version) IN (SELECT v.definition, v.version FROM served AS v))
    ORDER BY o.saga
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), oldest AS (
    SELECT f.saga_id
    FROM (SELECT * FROM abandoned UNION ALL SELECT * FROM released) AS f
    ORDER BY f.saga
    LIMIT $2
)
UPDATE open_saga AS o
SET owner = $1, token = o.token + 1
FROM oldest AS f
WHERE o.saga_id = f.saga_id
RETURNING o.saga, o.saga_id, o.token;

-- name: claim_due
-- Each definition and version is looked for by itself, so that what is not served lies in nobody's way. The first row
-- holds the time until the next one.
WITH now (instant) AS MATERIALIZED (
    SELECT journal_now()
), served AS (
    SELECT v.definition, v.version FROM unnest($3::text[], $4::integer[]) AS v (definition, version)
    UNION
    SELECT o.definition, o.version FROM open_saga AS o WHERE $3::text[] IS NULL AND o.status = 2 AND o.wake_at IS NOT NULL
), due AS (
    SELECT f.saga_id, f.wake_at, f.saga
    FROM served AS s
    CROSS JOIN LATERAL (
        SELECT o.saga_id, o.wake_at, o.saga
        FROM open_saga AS o
        WHERE o.status = 2 AND o.definition = s.definition AND o.version = s.version
          AND o.wake_at <= (SELECT n.instant FROM now AS n)
          AND (o.owner IS NULL
               OR $5 AND o.owner = $1
               OR o.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > (SELECT n.instant FROM now AS n)))
        ORDER BY o.wake_at, o.saga
        LIMIT $2
        FOR UPDATE SKIP LOCKED
    ) AS f
), earliest AS (
    SELECT d.saga_id FROM due AS d ORDER BY d.wake_at, d.saga LIMIT $2
), claimed AS (
    UPDATE open_saga AS o
    SET owner = $1, token = o.token + 1
    FROM earliest AS e
    WHERE o.saga_id = e.saga_id
    RETURNING o.wake_at, o.saga, o.saga_id, o.token
)
SELECT min(f.wake_at) - (SELECT n.instant FROM now AS n) AS wake_at, NULL AS saga, NULL AS saga_id, NULL AS token
FROM served AS s
CROSS JOIN LATERAL (
    SELECT o.wake_at
    FROM open_saga AS o
    WHERE o.status = 2 AND o.definition = s.definition AND o.version = s.version
      AND o.wake_at > (SELECT n.instant FROM now AS n)
    ORDER BY o.wake_at
    LIMIT 1
) AS f
UNION ALL
SELECT c.wake_at, c.saga, c.saga_id, c.token FROM claimed AS c;

-- name: claimed
SELECT o.saga_id, o.token
FROM open_saga AS o
WHERE o.status IN (1, 4) AND o.owner = $1
ORDER BY o.saga;

-- name: claim_resting
SELECT claim_by_name($1, $2);

-- name: release
-- It is remembered, and counts as silent: a negative instant is before every other.
WITH freed AS (
    UPDATE open_saga AS o SET owner = NULL WHERE o.owner = $1
), waits AS (
    DELETE FROM noted_wait AS w WHERE w.owner = $1
)
UPDATE replica AS r SET alive_until = -abs(r.alive_until) WHERE r.owner = $1;

-- name: living_replicas
SELECT r.owner, r.alive_until, count(o.status)
FROM replica AS r
LEFT JOIN open_saga AS o ON o.owner = r.owner AND o.status IN (1, 4)
WHERE r.alive_until > journal_now()
GROUP BY r.owner, r.alive_until
ORDER BY r.owner COLLATE "C";

-- name: silent_replicas
SELECT r.owner, abs(r.alive_until) FROM replica AS r WHERE r.alive_until <= journal_now() ORDER BY r.owner;

-- name: forget_replicas
WITH waits AS (
    DELETE FROM noted_wait AS w WHERE w.owner = ANY ($1)
)
DELETE FROM replica AS r WHERE r.owner = ANY ($1);

-- name: make_partitions
SELECT make_partitions();

-- name: examine_server
SELECT current_setting('server_version'), current_setting('server_version_num')::integer, pg_is_in_recovery(),
       current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
       current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
       pg_has_role(current_user, 'pg_read_all_stats', 'usage');

-- name: examine_clock
SELECT (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint;

-- name: examine_standbys
-- Neither a backup under way nor a subscriber to some tables is one.
SELECT coalesce(r.application_name, '?'), r.sync_state
FROM pg_stat_replication AS r
WHERE r.state IS DISTINCT FROM 'backup'
  AND NOT EXISTS (SELECT FROM pg_replication_slots AS s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
ORDER BY r.application_name;

-- name: examine_oldest_transaction
SELECT t.who, extract(epoch FROM clock_timestamp() - t.since)::float8
FROM (
    SELECT format('the session %s of %s', a.pid, a.usename) AS who, a.xact_start AS since
    FROM pg_stat_activity AS a
    WHERE a.xact_start IS NOT NULL AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
      AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    UNION ALL
    SELECT format('the prepared transaction %s of %s', p.gid, p.owner), p.prepared FROM pg_prepared_xacts AS p
) AS t
ORDER BY t.since
LIMIT 1;

-- name: examine_connections
SELECT (m.most - current_setting('superuser_reserved_connections')::integer
        - coalesce(current_setting('reserved_connections', true)::integer, 0)
        - (SELECT count(*) FROM pg_stat_activity AS a WHERE a.backend_type = 'client backend')::integer) AS free, m.most
FROM (SELECT current_setting('max_connections')::integer AS most) AS m;

-- name: examine_partitions
SELECT to_char(m.first, 'YYYY-MM'), to_regclass('chunk_' || to_char(m.first, 'YYYY_MM')) IS NOT NULL
FROM (
    SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => ahead) AS first
    FROM generate_series(0, 2) AS ahead
) AS m
ORDER BY m.first;

-- name: examine_schedules
SELECT s.document, s.revision FROM schedule AS s ORDER BY s.name;

-- name: examine_replicas
SELECT count(*) FROM replica AS r WHERE r.alive_until > journal_now();

-- name: examine_timers
SELECT count(*), max((SELECT journal_now()) - o.wake_at)
FROM open_saga AS o
WHERE o.status = 2 AND o.wake_at < (SELECT journal_now()) - 5000000000;

-- name: read_frozen
SELECT f.saga_id, f.place FROM frozen AS f;

-- name: write_frozen
INSERT INTO frozen (saga_id, place) VALUES ($1, $2)
ON CONFLICT (saga_id) DO UPDATE SET place = excluded.place;

-- name: clear_frozen
DELETE FROM frozen AS f WHERE f.saga_id = ANY ($1);

-- name: schema_exists
SELECT to_regclass('journal_schema') IS NOT NULL;

-- name: schema
SELECT m.version, m.layout FROM journal_schema AS m ORDER BY m.version DESC LIMIT 1;

-- name: create_schema
CREATE TABLE IF NOT EXISTS journal_schema (
    version    integer     PRIMARY KEY,
    layout     integer     NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: lock_schema
-- Let go of with the transaction: a lock of a session would stay with a pooler's connection.
SELECT pg_advisory_xact_lock(7598805552112068193);

-- name: note_schema
INSERT INTO journal_schema (version, layout) VALUES ($1, $2);

-- name: request_act
-- What was answered an hour ago or more, nobody waits for.
WITH forgotten AS (
    DELETE FROM requested_act AS a WHERE a.answered_at < journal_now() - 3600000000000
)
INSERT INTO requested_act (request_id, saga_id, request) VALUES ($1, $2, $3)
ON CONFLICT (request_id) DO NOTHING;

-- name: requested_acts
-- A saga that has ended is not open; one that rests has no owner whom it needs.
SELECT a.request_id, a.saga_id, a.request
FROM requested_act AS a
LEFT JOIN open_saga AS o ON o.saga_id = a.saga_id
WHERE a.answer IS NULL
  AND CASE
          WHEN o.status IN (1, 4) THEN o.owner = $1
          ELSE o.saga_id IS NULL OR o.status = 3 OR $3::text[] IS NULL
               OR (o.definition, o.version) IN (SELECT * FROM unnest($3::text[], $4::integer[]))
      END
ORDER BY a.id
LIMIT $2;

-- name: answer_act
UPDATE requested_act AS a
SET answer = $2, answered_at = journal_now()
WHERE a.request_id = $1 AND a.answer IS NULL;

-- name: act_answers
SELECT a.request_id, a.answer FROM requested_act AS a WHERE a.request_id = ANY ($1) AND a.answer IS NOT NULL;

-- name: unclaimed
-- Few: what a living replica serves, it claims within a second, and what was parked, when it is due.
SELECT o.definition, o.version, count(*), min(o.started_at)
FROM (
    SELECT a.definition, a.version, a.started_at, a.owner FROM open_saga AS a WHERE a.status IN (1, 4)
    UNION ALL
    SELECT p.definition, p.version, p.started_at, p.owner
    FROM open_saga AS p
    WHERE p.status = 2 AND p.wake_at <= (SELECT journal_now()) - 60000000000
) AS o
WHERE o.owner IS NULL OR o.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > (SELECT journal_now()))
GROUP BY o.definition, o.version
ORDER BY o.definition COLLATE "C", o.version;

-- name: moving_sagas
-- The first row holds the number of the newest saga, the second one the time. A transaction may get its numbers, or look
-- at the clock, before another one, and commit after it: so the latest are looked at again.
SELECT NULL AS saga_id, coalesce(max(s.id), 0) AS sequence, 0 AS status FROM saga AS s
UNION ALL
SELECT NULL, journal_now(), 1
UNION ALL
SELECT o.saga_id, o.sequence, o.status FROM open_saga AS o WHERE o.status IN (1, 4) AND (o.owner IS NULL OR o.owner <> $1)
UNION ALL
SELECT o.saga_id, o.sequence, 6 FROM open_saga AS o WHERE o.status IN (3, 6) AND o.owner IS DISTINCT FROM $1
UNION ALL
SELECT o.saga_id, o.sequence, 2 FROM open_saga AS o WHERE o.status = 2 AND o.parked_at > $3::bigint - 10000000000
UNION ALL
SELECT s.saga_id, e.sequence, e.status
FROM saga AS s JOIN ended_saga AS e ON e.saga = s.id
WHERE s.id > $2::bigint - 1000;

-- name: notify
-- A hint: that it is lost with the server is no harm, so its commit waits for no flush.
SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2);

-- name: store_now
SELECT journal_now();

-- name: create_schedule
INSERT INTO schedule (uid, name, revision, definition, version, due_at, document)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE NOT EXISTS (SELECT FROM deleted_schedule AS d WHERE d.uid = $1)
ON CONFLICT DO NOTHING
RETURNING uid;

-- name: find_schedule
SELECT s.document, s.revision FROM schedule AS s WHERE s.name = $1;

-- name: is_schedule_deleted
SELECT d.uid FROM deleted_schedule AS d WHERE d.uid = $1;

-- name: find_deleted_schedule
SELECT d.document, d.revision
FROM deleted_schedule AS d
WHERE d.name = $1 AND d.document IS NOT NULL
ORDER BY d.deleted_at DESC
LIMIT 1;

-- name: list_schedules
SELECT s.document, s.revision FROM schedule AS s WHERE s.name > $1 ORDER BY s.name LIMIT $2;

-- name: due_schedules
-- At least one row: the time, and when the next of the others is due.
WITH clock AS MATERIALIZED (
    SELECT journal_now() AS now
), due AS (
    SELECT s.document, s.revision, s.due_at, s.name
    FROM schedule AS s
    WHERE s.due_at <= (SELECT c.now FROM clock AS c)
      AND ($2::text[] IS NULL
           OR s.version = 0 AND s.definition = ANY ($2::text[])
           OR (s.definition, s.version) IN (SELECT * FROM unnest($2::text[], $3::integer[])))
    ORDER BY s.due_at, s.name
    LIMIT $1
)
SELECT c.now, (SELECT min(s.due_at) FROM schedule AS s WHERE s.due_at > c.now), d.document, d.revision
FROM clock AS c LEFT JOIN due AS d ON true
ORDER BY d.due_at, d.name;

-- name: replace_schedule
UPDATE schedule AS s
SET revision = s.revision + 1, due_at = $3, document = $4
WHERE s.uid = $1 AND s.revision = $2
RETURNING s.revision;

-- name: delete_schedule
WITH gone AS (
    DELETE FROM schedule AS s WHERE s.uid = $1 AND s.revision = $2 RETURNING s.uid, s.name, s.revision
)
INSERT INTO deleted_schedule (uid, name, deleted_at, revision, document)
SELECT g.uid, g.name, journal_now(), g.revision, $3 FROM gone AS g
RETURNING uid;

-- name: create_bulk_act
INSERT INTO bulk_act (bulk_id, revision, due_at, expires_at, document)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING bulk_id;

-- name: add_bulk_sagas
INSERT INTO bulk_saga (bulk_id, position, saga_id, answer, why, answered_at)
SELECT $1, * FROM unnest($2::integer[], $3::text[], $4::smallint[], $5::text[], $6::bigint[])
ON CONFLICT DO NOTHING;

-- name: find_bulk_act
SELECT b.document, b.revision FROM bulk_act AS b WHERE b.bulk_id = $1;

-- name: list_bulk_acts
SELECT b.document, b.revision
FROM bulk_act AS b
WHERE $1 = '' OR b.bulk_id < $1
ORDER BY b.bulk_id DESC
LIMIT $2;

-- name: bulk_sagas
SELECT s.position, s.saga_id, s.answer, s.why, s.answered_at
FROM bulk_saga AS s
WHERE s.bulk_id = $1 AND s.position > $2 AND ($4::smallint[] IS NULL OR s.answer = ANY ($4::smallint[]))
ORDER BY s.position
LIMIT $3;

-- name: due_bulk_acts
-- At least one row: the time, and when the next of the others is due.
WITH clock AS MATERIALIZED (
    SELECT journal_now() AS now
), due AS (
    SELECT b.document, b.revision, b.due_at, b.bulk_id
    FROM bulk_act AS b
    WHERE b.due_at <= (SELECT c.now FROM clock AS c)
    ORDER BY b.due_at, b.bulk_id
    LIMIT $1
)
SELECT c.now, (SELECT min(b.due_at) FROM bulk_act AS b WHERE b.due_at > c.now), d.document, d.revision
FROM clock AS c LEFT JOIN due AS d ON true
ORDER BY d.due_at, d.bulk_id;

-- name: note_bulk_act
-- The sagas are changed only where the bulk act is.
WITH kept AS (
    UPDATE bulk_act AS b
    SET revision = b.revision + 1, due_at = $3, expires_at = $4, document = $5
    WHERE b.bulk_id = $1 AND b.revision = $2
    RETURNING b.bulk_id
), noted AS (
    UPDATE bulk_saga AS s
    SET answer = r.answer, why = r.why, answered_at = r.answered_at
    FROM kept AS k, unnest($6::integer[], $7::smallint[], $8::text[], $9::bigint[]) AS r (position, answer, why, answered_at)
    WHERE s.bulk_id = k.bulk_id AND s.position = r.position
)
SELECT k.bulk_id FROM kept AS k;

-- name: delete_expired_bulk_sagas
DELETE FROM bulk_saga AS s
USING (
    SELECT e.bulk_id, e.position
    FROM bulk_act AS b
    JOIN bulk_saga AS e ON e.bulk_id = b.bulk_id
    WHERE b.expires_at <= journal_now()
    LIMIT $1
) AS gone
WHERE s.bulk_id = gone.bulk_id AND s.position = gone.position
RETURNING s.position;

-- name: delete_expired_bulk_acts
DELETE FROM bulk_act AS b
WHERE b.bulk_id IN (SELECT e.bulk_id FROM bulk_act AS e WHERE e.expires_at <= journal_now() LIMIT $1)
  AND NOT EXISTS (SELECT FROM bulk_saga AS s WHERE s.bulk_id = b.bulk_id)
RETURNING b.bulk_id;

-- name: ended_sagas
SELECT s.id, s.saga_id, s.definition, e.status, e.ended_at
FROM saga AS s
LEFT JOIN ended_saga AS e ON e.saga = s.id
WHERE s.id > $1
ORDER BY s.id
LIMIT $2;

-- name: family
-- A slash comes right before the digit 0, so between the two lies all that goes on with a slash.
SELECT s.saga_id
FROM saga AS s
WHERE s.saga_id = $1 OR s.saga_id > $1 || '/' AND s.saga_id < $1 || '0'
ORDER BY s.saga_id;

-- name: families
SELECT w.place, s.id, s.month, s.attributes
FROM unnest($1::integer[], $2::text[]) AS w (place, saga_id)
JOIN saga AS s ON s.saga_id = w.saga_id OR s.saga_id > w.saga_id || '/' AND s.saga_id < w.saga_id || '0';

-- name: delete_ended
-- A claim of one of them waits for this, and finds it gone. A member of a family that is locked here,
-- or has not ended, keeps the family.
WITH member AS (
    SELECT m.place, m.saga FROM unnest($1::integer[], $2::bigint[]) AS m (place, saga)
), held AS (
    SELECT e.saga FROM ended_saga AS e WHERE e.saga = ANY ($2) ORDER BY e.saga FOR UPDATE SKIP LOCKED
), whole AS (
    SELECT m.place
    FROM member AS m
    LEFT JOIN held AS h ON h.saga = m.saga
    GROUP BY m.place
    HAVING bool_and(h.saga IS NOT NULL)
), gone AS (
    DELETE FROM ended_saga AS e
    USING member AS m
    WHERE e.saga = m.saga AND m.place IN (SELECT w.place FROM whole AS w)
    RETURNING e.saga, e.status, e.ended_at, m.place
), started AS (
    DELETE FROM saga AS s
    USING gone AS g
    WHERE s.id = g.saga
    RETURNING s.saga_id, s.definition, g.status, g.ended_at, g.place
), written AS (
    DELETE FROM chunk AS c USING gone AS g WHERE c.saga = g.saga AND c.month = ANY ($3::date[])
), listed AS (
    DELETE FROM attribute AS a
    USING unnest($4::bytea[], $5::bigint[]) AS l (digest, saga)
    WHERE a.digest = l.digest AND a.saga = l.saga AND l.saga IN (SELECT g.saga FROM gone AS g)
), kept AS (
    INSERT INTO deleted_saga (key, status, ended_at, deleted_at)
    SELECT tombstone_of(s.saga_id), s.status, s.ended_at, journal_now() FROM started AS s
    ON CONFLICT (key) DO NOTHING
), counted AS (
    INSERT INTO ended_count AS n (definition, status, slot, number, oldest_started_at)
    SELECT s.definition, s.status, pg_backend_pid() % 32, -count(*), 9223372036854775807
    FROM started AS s
    GROUP BY s.definition, s.status
    ORDER BY s.definition, s.status
    ON CONFLICT (definition, status, slot) DO UPDATE SET number = n.number + excluded.number
)
SELECT DISTINCT g.place FROM gone AS g;

-- name: drop_empty_partition
SELECT drop_empty_partition();

-- name: keep_tombstones
INSERT INTO deleted_saga (key, status, ended_at, deleted_at)
SELECT * FROM unnest($1::bytea[], $2::smallint[], $3::bigint[], $4::bigint[])
ON CONFLICT (key) DO NOTHING;

-- name: find_tombstone
SELECT d.key, d.status, d.ended_at, d.deleted_at FROM deleted_saga AS d WHERE d.key = $1;

-- name: tombstones
SELECT d.key, d.status, d.ended_at, d.deleted_at FROM deleted_saga AS d WHERE d.key > $1 ORDER BY d.key LIMIT $2;

-- name: take_portion
-- The first portion of all is not in the past: it begins now.
INSERT INTO quota AS q (name, next_at) VALUES ($1, journal_now() + $2::bigint * $3::bigint)
ON CONFLICT (name) DO UPDATE
SET next_at = greatest(q.next_at, journal_now() - $2::bigint * $3::bigint) + $2::bigint * $3::bigint
RETURNING q.next_at - $2::bigint * $3::bigint - journal_now();

-- name: queued_sagas
SELECT o.definition, o.version, count(*), min(o.started_at)
FROM open_saga AS o
WHERE o.status = 2 AND o.turn_at IS NOT NULL
GROUP BY o.definition, o.version
ORDER BY o.definition COLLATE "C", o.version;

-- name: claim_queued
-- Running from now on: what recovers sagas recovers these too.
WITH wanted AS (
    SELECT w.definition, w.number FROM unnest($2::text[], $3::integer[]) AS w (definition, number)
), next AS (
    SELECT f.saga_id, f.turn_at
    FROM wanted AS w
    CROSS JOIN LATERAL (
        SELECT o.saga_id, o.turn_at
        FROM open_saga AS o
        WHERE o.status = 2 AND o.turn_at IS NOT NULL AND o.definition = w.definition
          AND ($4::text[] IS NULL
               OR (o.definition, o.version) IN (SELECT * FROM unnest($4::text[], $5::integer[])))
        ORDER BY o.turn_at, o.saga
        LIMIT w.number
        FOR UPDATE SKIP LOCKED
    ) AS f
)
UPDATE open_saga AS o
SET owner = $1, token = o.token + 1, status = 1, turn_at = NULL, wake_at = NULL
FROM next AS f
WHERE o.saga_id = f.saga_id
RETURNING o.saga, o.saga_id, o.token;

-- name: note_waits
WITH ended AS (
    DELETE FROM noted_wait AS w WHERE w.owner = $1 AND w.saga_id = ANY ($4::text[])
)
INSERT INTO noted_wait (saga_id, owner, reasons)
SELECT b.saga_id, $1, string_to_array(b.reasons, ',')::smallint[]
FROM unnest($2::text[], $3::text[]) AS b (saga_id, reasons)
ORDER BY b.saga_id
ON CONFLICT (saga_id) DO UPDATE SET owner = excluded.owner, reasons = excluded.reasons;

-- name: noted_waits
SELECT w.saga_id, w.reasons
FROM noted_wait AS w JOIN open_saga AS o ON o.saga_id = w.saga_id AND o.owner = w.owner
WHERE o.status IN (1, 4) AND w.owner <> $1
  AND w.owner IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > journal_now());

-- name: figures
-- One that has completed and was claimed to be rolled back with its parent has not begun to go back: it has ended.
SELECT c.at, c.definition, c.status, c.latency, c.code, c.command, sum(c.number)::bigint
FROM (
    SELECT f.at - f.at % $3::bigint AS at, f.definition, f.status, f.latency, f.code, f.command, f.number
    FROM figure AS f
    WHERE f.grain = ANY ($4::smallint[]) AND f.at >= $1::bigint AND f.at < $2::bigint
    UNION ALL
    SELECT o.ended_at - o.ended_at % $3::bigint, o.definition, o.status, latency_bucket(o.ended_at - o.started_at), '', '',
           1
    FROM open_saga AS o
    WHERE o.status = 3 AND o.ended_at >= $1::bigint AND o.ended_at < $2::bigint
) AS c
WHERE $5::text = '' OR c.definition = $5::text
GROUP BY 1, 2, 3, 4, 5, 6
HAVING sum(c.number) <> 0
ORDER BY 1, c.definition COLLATE "C", 3, 4, c.code COLLATE "C", c.command COLLATE "C";

-- name: suspended_groups
SELECT o.definition, coalesce(f.command, ''), coalesce(f.code, ''), count(*), min(coalesce(f.since, o.started_at))
FROM open_saga AS o LEFT JOIN cause AS f ON f.saga = o.saga
WHERE o.status IN (3, 6) AND o.status = 6
GROUP BY 1, 2, 3
ORDER BY 5, o.definition COLLATE "C", 2, 3;

-- name: without_cause
SELECT w.id, s.saga_id
FROM (
    SELECT e.saga AS id FROM ended_saga AS e WHERE e.status <> 3
    UNION ALL
    SELECT o.saga FROM open_saga AS o WHERE o.status IN (4, 6)
) AS w
JOIN saga AS s ON s.id = w.id
LEFT JOIN cause AS f ON f.saga = w.id
WHERE w.id > $1 AND f.saga IS NULL
ORDER BY w.id
LIMIT $2;

-- name: note_causes
SELECT tell_causes($1, $2, $3, $4, $5, true);

-- name: sum_up_figures
-- An hour of new minutes and a day of new hours; as many old ones are dropped.
SELECT sum_up_grain(0::smallint, $1, 3600000000000, '{2, 1}', '{3600000000000, 60000000000}'),
       sum_up_grain(2::smallint, $2, 86400000000000, '{4, 3}', '{86400000000000, 3600000000000}'),
       sum_up_grain(1::smallint, $3, 3600000000000, '{}', '{}'),
       sum_up_grain(3::smallint, $4, 86400000000000, '{}', '{}');

-- name: number_events
SELECT number_events($1);

-- name: events
SELECT e.position, e.event_id, e.saga_id, e.definition, e.type, e.at, e.provisional, e.traceparent, e.payload
FROM event AS e
WHERE e.position > $1 AND ($3::bigint IS NULL OR e.position <= $3::bigint)
ORDER BY e.position
LIMIT $2;

-- name: events_of_saga
SELECT e.position, e.event_id, e.saga_id, e.definition, e.type, e.at, e.provisional, e.traceparent, e.payload
FROM event AS e
WHERE e.saga_id = $4 AND e.position > $1 AND ($3::bigint IS NULL OR e.position <= $3::bigint)
ORDER BY e.position
LIMIT $2;

-- name: position_at
SELECT coalesce((SELECT min(e.position) - 1 FROM event AS e WHERE e.at >= $1), c.newest) FROM event_counter AS c;

-- name: sinks
-- What is not numbered yet counts, too.
SELECT s.name, s.position, s.owner, s.alive_until,
       c.newest - s.position + (SELECT count(*) FROM outbox AS o),
       coalesce((SELECT e.at FROM event AS e WHERE e.position > s.position ORDER BY e.position LIMIT 1),
                (SELECT o.at FROM outbox AS o ORDER BY o.id LIMIT 1)),
       (SELECT count(*) FROM blocked_saga AS b WHERE b.sink = s.name),
       (SELECT count(*) FROM dead_letter AS d WHERE d.sink = s.name),
       s.failing_since, s.error
FROM sink AS s CROSS JOIN event_counter AS c
ORDER BY s.name;

-- name: dead_letters
SELECT d.position, d.saga_id, d.attempts, d.first_failed_at, d.died_at, d.error, d.due_at
FROM dead_letter AS d
WHERE d.sink = $1 AND d.position > $2
ORDER BY d.position
LIMIT $3;

-- name: claim_sink
WITH clock AS MATERIALIZED (
    SELECT journal_now() AS now
), claimed AS (
    INSERT INTO sink AS s (name, position, owner, token, alive_until, error)
    SELECT $1, 0, $2, 1, c.now + $3::bigint, '' FROM clock AS c
    ON CONFLICT (name) DO UPDATE
    SET owner = $2,
        token = s.token + (s.owner IS DISTINCT FROM $2 OR s.alive_until <= journal_now())::integer,
        alive_until = excluded.alive_until
    WHERE s.owner IS NOT DISTINCT FROM $2 OR s.alive_until <= journal_now()
    RETURNING s.token, s.position
)
SELECT d.token, d.position, c.now FROM claimed AS d CROSS JOIN clock AS c;

-- name: has_blocked
SELECT EXISTS (SELECT FROM blocked_saga AS b WHERE b.sink = $1);

-- name: blocked_sagas
SELECT b.saga_id, b.position, b.attempts, b.first_failed_at, b.due_at, b.error
FROM blocked_saga AS b
WHERE b.sink = $1 AND b.saga_id = ANY ($2::text[]);

-- name: waiting_sagas
SELECT b.saga_id, b.position, b.attempts, b.first_failed_at, b.due_at, b.error
FROM blocked_saga AS b
WHERE b.sink = $1 AND b.due_at <= $2
ORDER BY b.attempts > 0, b.due_at, b.position
LIMIT $3;

-- name: retried_letters
SELECT d.position, d.saga_id, d.attempts, d.first_failed_at, d.died_at, d.error, d.due_at
FROM dead_letter AS d
WHERE d.sink = $1 AND d.due_at IS NOT NULL
ORDER BY d.position;

-- name: note_progress
SELECT note_progress($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20);

-- name: release_sink
UPDATE sink SET owner = NULL, alive_until = 0 WHERE name = $1 AND owner = $2;

-- name: replay_events
SELECT replay_events($1, $2);

-- name: retry_dead_letters
UPDATE dead_letter AS d
SET due_at = journal_now()
WHERE d.sink = $1 AND (cardinality($2::bigint[]) = 0 OR d.position = ANY ($2::bigint[]))
RETURNING d.position;

-- name: forget_sink
SELECT forget_sink($1);

-- name: keep_events
INSERT INTO outbox (event_id, saga_id, definition, type, at, provisional, traceparent, payload)
SELECT t.event_id, t.saga_id, t.definition, t.type, t.at, t.provisional, t.traceparent, t.payload
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::text[], $8::bytea[])
  WITH ORDINALITY AS t (event_id, saga_id, definition, type, at, provisional, traceparent, payload, number)
ORDER BY t.number;

-- name: delete_events
DELETE FROM event AS e
WHERE e.position IN (
    SELECT o.position
    FROM event AS o
    WHERE o.at < $1
      AND o.position <= coalesce((SELECT min(s.position) FROM sink AS s), 9223372036854775807)
      AND NOT EXISTS (SELECT FROM dead_letter AS d WHERE d.position = o.position)
      AND NOT EXISTS (SELECT FROM blocked_saga AS b WHERE b.saga_id = o.saga_id AND b.position <= o.position)
    ORDER BY o.at
    LIMIT $2
)
RETURNING e.position;

-- name: note_sink_act
INSERT INTO sink_act (sink, at, act, requested_by) VALUES ($1, journal_now(), $2, $3);

-- name: sink_acts
SELECT a.sink, a.at, a.act, a.requested_by FROM sink_act AS a WHERE a.sink = $1 ORDER BY a.id DESC LIMIT $2;
