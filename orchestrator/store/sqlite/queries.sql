-- name: create_saga
INSERT INTO saga (
    saga_id, definition, version, status, owner, token, digest, started_at, ended_at, attributes, wake_at, turn_at
)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
WHERE NOT EXISTS (SELECT * FROM deleted_saga AS d WHERE d.key = ?)
ON CONFLICT (saga_id) DO NOTHING;

-- name: create_attribute
INSERT INTO attribute (name, value, saga) VALUES (?, ?, ?);

-- name: append_chunk
INSERT INTO chunk (saga, sequence, entries) VALUES (?, ?, ?);

-- name: change_status
UPDATE saga SET status = ?, ended_at = ?, owner = ?, wake_at = ?, turn_at = ? WHERE id = ?;

-- name: held_saga
SELECT s.id, s.definition, s.started_at, s.owner, s.token, s.status,
       coalesce((SELECT max(c.sequence) FROM chunk AS c WHERE c.saga = s.id), 0), s.ended_at,
       coalesce(f.code, ''), coalesce(f.command, '')
FROM saga AS s LEFT JOIN cause AS f ON f.saga = s.id
WHERE s.saga_id = ?;

-- name: tell_cause
INSERT INTO cause (saga, code, command, message, since) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (saga) DO UPDATE
SET code = excluded.code, command = excluded.command, message = excluded.message, since = excluded.since;

-- name: count_figure
INSERT INTO figure (grain, at, definition, status, latency, code, command, number) VALUES (0, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET number = number + excluded.number;

-- name: read_chunks
SELECT c.entries
FROM saga AS s JOIN chunk AS c ON c.saga = s.id
WHERE s.saga_id = ?
ORDER BY c.sequence;

-- name: first_chunks
SELECT s.saga_id, (SELECT c.entries FROM chunk AS c WHERE c.saga = s.id ORDER BY c.sequence LIMIT 1)
FROM saga AS s
WHERE s.saga_id IN (SELECT j.value FROM json_each(?) AS j);

-- name: search_sagas
-- The placeholder is for the tables, for the conditions that the filter asks for, and for the order.
SELECT s.id, s.saga_id, s.definition, s.version, s.status, s.digest, s.started_at, s.ended_at, s.attributes,
       coalesce((SELECT max(c.sequence) FROM chunk AS c WHERE c.saga = s.id), 0), s.wake_at, s.turn_at,
       f.code, f.command, f.message, f.since
FROM %s
LIMIT ?;

-- name: count_sagas
-- Those that have not ended, of which there are few, are counted; those that have, have been when they ended.
SELECT s.definition, s.status, count(*), min(s.started_at)
FROM saga AS s INDEXED BY saga_not_completed
WHERE s.status IN (1, 4, 6) AND s.status <> 3
GROUP BY s.definition, s.status
UNION ALL
SELECT s.definition, 2, count(*), min(s.started_at)
FROM saga AS s INDEXED BY saga_parked
WHERE s.status = 2
GROUP BY s.definition
UNION ALL
SELECT e.definition, e.status, e.number, e.oldest_started_at
FROM ended_count AS e
WHERE e.number > 0
ORDER BY 1, 2;

-- name: count_ended
INSERT INTO ended_count (definition, status, number, oldest_started_at) VALUES (?, ?, ?, ?)
ON CONFLICT (definition, status) DO UPDATE
SET number = number + excluded.number,
    oldest_started_at = iif(number = 0, excluded.oldest_started_at, min(oldest_started_at, excluded.oldest_started_at));

-- name: uncount_ended
-- One has left, and its row says so already. Only where it was the oldest, the oldest of the others is looked for.
UPDATE ended_count
SET number = number - 1,
    oldest_started_at = iif(
        oldest_started_at < :started_at,
        oldest_started_at,
        coalesce(
            (SELECT min(s.started_at) FROM saga AS s WHERE s.definition = :definition AND s.status = :status),
            :started_at
        )
    )
WHERE definition = :definition AND status = :status;

-- name: beat
INSERT INTO replica (owner, alive_until) VALUES (?, ?)
ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until;

-- name: claim_unfinished
UPDATE saga
SET owner = :owner, token = token + 1
WHERE id IN (
    SELECT s.id
    FROM saga AS s INDEXED BY saga_not_completed
    WHERE s.status IN (1, 4) AND s.status <> 3
      AND (s.owner IS NULL OR s.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > :now))
      AND (:served IS NULL OR EXISTS (
          SELECT *
          FROM json_each(:served) AS j
          WHERE json_extract(j.value, '$[0]') = s.definition AND json_extract(j.value, '$[1]') = s.version
      ))
    ORDER BY s.id
    LIMIT :limit
)
RETURNING id, saga_id, token;

-- name: claim_due
UPDATE saga
SET owner = :owner, token = token + 1
WHERE id IN (
    SELECT s.id
    FROM saga AS s INDEXED BY saga_parked
    WHERE s.status = 2 AND s.wake_at <= :now
      AND (s.owner IS NULL
           OR :anew AND s.owner = :owner
           OR s.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > :now))
      AND (:served IS NULL OR EXISTS (
          SELECT *
          FROM json_each(:served) AS j
          WHERE json_extract(j.value, '$[0]') = s.definition AND json_extract(j.value, '$[1]') = s.version
      ))
    ORDER BY s.wake_at
    LIMIT :limit
)
RETURNING wake_at, id, saga_id, token;

-- name: next_due
-- In the order of time, so that the first one which is served ends the search.
SELECT s.wake_at
FROM saga AS s INDEXED BY saga_parked
WHERE s.status = 2 AND s.wake_at > :now
  AND (:served IS NULL OR EXISTS (
      SELECT *
      FROM json_each(:served) AS j
      WHERE json_extract(j.value, '$[0]') = s.definition AND json_extract(j.value, '$[1]') = s.version
  ))
ORDER BY s.wake_at
LIMIT 1;

-- name: claimed
SELECT saga_id, token
FROM saga INDEXED BY saga_not_completed
WHERE status IN (1, 4) AND status <> 3 AND owner = ?
ORDER BY id;

-- name: claim_resting
UPDATE saga
SET owner = :owner, token = token + 1
WHERE saga_id = :saga_id AND status IN (2, 3, 6)
RETURNING saga_id, token;

-- name: release_sagas
UPDATE saga INDEXED BY saga_not_completed SET owner = NULL WHERE status <> 3 AND owner = ?;

-- name: mute_replica
-- It is remembered, and counts as silent: a negative instant is before every other.
UPDATE replica SET alive_until = -abs(alive_until) WHERE owner = ?;

-- name: mute_replicas
UPDATE replica SET alive_until = -abs(alive_until);

-- name: living_replicas
SELECT r.owner, r.alive_until, (
    SELECT count(*) FROM saga AS s INDEXED BY saga_not_completed
    WHERE s.status <> 3 AND s.status IN (1, 4) AND s.owner = r.owner
)
FROM replica AS r
WHERE r.alive_until > ?
ORDER BY r.owner;

-- name: silent_replicas
SELECT owner, abs(alive_until) FROM replica WHERE alive_until <= ? ORDER BY owner;

-- name: moving_sagas
-- All that are parked count as parked lately: no other process has this file, and so nobody asks.
SELECT s.saga_id, coalesce((SELECT max(c.sequence) FROM chunk AS c WHERE c.saga = s.id), 0), s.status
FROM saga AS s
WHERE s.status IN (1, 4, 6) AND s.status <> 3 AND s.owner IS NOT :owner
   OR :after IS NOT NULL AND (s.id > :after AND s.status IN (3, 5, 7) OR s.status = 2);

-- name: newest_saga
SELECT coalesce(max(s.id), 0) FROM saga AS s;

-- name: unclaimed
SELECT u.definition, u.version, count(*), min(u.started_at)
FROM (
    SELECT s.definition, s.version, s.started_at, s.owner
    FROM saga AS s INDEXED BY saga_not_completed
    WHERE s.status IN (1, 4) AND s.status <> 3
    UNION ALL
    SELECT s.definition, s.version, s.started_at, s.owner
    FROM saga AS s INDEXED BY saga_parked
    WHERE s.status = 2 AND s.wake_at <= :late
) AS u
WHERE u.owner IS NULL OR u.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > :now)
GROUP BY u.definition, u.version
ORDER BY u.definition, u.version;

-- name: standing
SELECT s.definition, s.version, s.status, s.owner FROM saga AS s WHERE s.saga_id = ?;

-- name: forget_replica
DELETE FROM replica WHERE owner = ?;

-- name: create_schedule
INSERT INTO schedule (uid, name, revision, definition, version, due_at, document)
SELECT :uid, :name, :revision, :definition, :version, :due_at, :document
WHERE NOT EXISTS (SELECT * FROM deleted_schedule AS d WHERE d.uid = :uid)
ON CONFLICT DO NOTHING
RETURNING uid;

-- name: find_schedule
SELECT s.document, s.revision FROM schedule AS s WHERE s.name = ?;

-- name: is_schedule_deleted
SELECT d.uid FROM deleted_schedule AS d WHERE d.uid = ?;

-- name: find_deleted_schedule
SELECT d.document, d.revision
FROM deleted_schedule AS d
WHERE d.name = ? AND d.document IS NOT NULL
ORDER BY d.deleted_at DESC
LIMIT 1;

-- name: list_schedules
SELECT s.document, s.revision FROM schedule AS s WHERE s.name > ? ORDER BY s.name LIMIT ?;

-- name: due_schedules
SELECT s.document, s.revision
FROM schedule AS s
WHERE s.due_at <= :now
  AND (:served IS NULL OR EXISTS (
      SELECT *
      FROM json_each(:served) AS j
      WHERE json_extract(j.value, '$[0]') = s.definition AND s.version IN (0, json_extract(j.value, '$[1]'))
  ))
ORDER BY s.due_at, s.name
LIMIT :limit;

-- name: next_schedule
SELECT min(s.due_at) FROM schedule AS s WHERE s.due_at > ?;

-- name: replace_schedule
UPDATE schedule
SET revision = revision + 1, due_at = :due_at, document = :document
WHERE uid = :uid AND revision = :revision
RETURNING revision;

-- name: delete_schedule
DELETE FROM schedule WHERE uid = ? AND revision = ? RETURNING name;

-- name: remember_schedule
INSERT INTO deleted_schedule (uid, name, deleted_at, revision, document) VALUES (?, ?, ?, ?, ?);

-- name: create_bulk_act
INSERT INTO bulk_act (bulk_id, revision, due_at, expires_at, document)
VALUES (:bulk_id, :revision, :due_at, :expires_at, :document)
ON CONFLICT DO NOTHING
RETURNING bulk_id;

-- name: add_bulk_sagas
INSERT INTO bulk_saga (bulk_id, position, saga_id, answer, why, answered_at)
SELECT
    :bulk_id,
    json_extract(j.value, '$[0]'),
    json_extract(j.value, '$[1]'),
    json_extract(j.value, '$[2]'),
    json_extract(j.value, '$[3]'),
    json_extract(j.value, '$[4]')
FROM json_each(:rows) AS j
WHERE true -- without it, SQLite takes ON for the condition of a join
ON CONFLICT DO NOTHING;

-- name: find_bulk_act
SELECT b.document, b.revision FROM bulk_act AS b WHERE b.bulk_id = ?;

-- name: list_bulk_acts
SELECT b.document, b.revision
FROM bulk_act AS b
WHERE :before = '' OR b.bulk_id < :before
ORDER BY b.bulk_id DESC
LIMIT :limit;

-- name: bulk_sagas
SELECT s.position, s.saga_id, s.answer, s.why, s.answered_at
FROM bulk_saga AS s
WHERE s.bulk_id = :bulk_id
  AND s.position > :after
  AND (:answers IS NULL OR s.answer IN (SELECT j.value FROM json_each(:answers) AS j))
ORDER BY s.position
LIMIT :limit;

-- name: due_bulk_acts
SELECT b.document, b.revision FROM bulk_act AS b WHERE b.due_at <= ? ORDER BY b.due_at, b.bulk_id LIMIT ?;

-- name: next_bulk_act
SELECT min(b.due_at) FROM bulk_act AS b WHERE b.due_at > ?;

-- name: replace_bulk_act
UPDATE bulk_act
SET revision = revision + 1, due_at = :due_at, expires_at = :expires_at, document = :document
WHERE bulk_id = :bulk_id AND revision = :revision
RETURNING revision;

-- name: note_bulk_sagas
-- Each is there, and found by its key. An UPDATE would look at all sagas of the bulk act for each of these.
INSERT INTO bulk_saga (bulk_id, position, saga_id, answer, why, answered_at)
SELECT
    :bulk_id,
    json_extract(j.value, '$[0]'),
    json_extract(j.value, '$[1]'),
    json_extract(j.value, '$[2]'),
    json_extract(j.value, '$[3]'),
    json_extract(j.value, '$[4]')
FROM json_each(:rows) AS j
WHERE true
ON CONFLICT (bulk_id, position) DO UPDATE
SET answer = excluded.answer, why = excluded.why, answered_at = excluded.answered_at;

-- name: delete_expired_bulk_sagas
DELETE FROM bulk_saga
WHERE (bulk_id, position) IN (
    SELECT s.bulk_id, s.position
    FROM bulk_act AS b
    JOIN bulk_saga AS s ON s.bulk_id = b.bulk_id
    WHERE b.expires_at <= :now
    LIMIT :most
)
RETURNING position;

-- name: delete_expired_bulk_acts
DELETE FROM bulk_act
WHERE bulk_id IN (SELECT b.bulk_id FROM bulk_act AS b WHERE b.expires_at <= :now LIMIT :most)
RETURNING bulk_id;

-- name: examine_schedules
SELECT s.document, s.revision FROM schedule AS s ORDER BY s.name;

-- name: examine_timers
SELECT count(*), max(:now - s.wake_at)
FROM saga AS s INDEXED BY saga_parked
WHERE s.status = 2 AND s.wake_at < :now - 5000000000;

-- name: ended_sagas
SELECT s.id, s.saga_id, s.definition, s.status, s.ended_at FROM saga AS s WHERE s.id > ? ORDER BY s.id LIMIT ?;

-- name: family
-- A slash comes right before the digit 0, so between the two lies all that goes on with a slash.
SELECT s.saga_id
FROM saga AS s
WHERE s.saga_id = :saga_id OR s.saga_id > :saga_id || '/' AND s.saga_id < :saga_id || '0'
ORDER BY s.saga_id;

-- name: whole_family
SELECT s.id, s.saga_id, s.definition, s.status, s.owner, s.ended_at, s.attributes
FROM saga AS s
WHERE s.saga_id = :saga_id OR s.saga_id > :saga_id || '/' AND s.saga_id < :saga_id || '0';

-- name: delete_chunks
DELETE FROM chunk WHERE saga = ?;

-- name: delete_cause
DELETE FROM cause WHERE saga = ?;

-- name: delete_attribute
DELETE FROM attribute WHERE name = ? AND value = ? AND saga = ?;

-- name: delete_saga
DELETE FROM saga WHERE id = ?;

-- name: uncount_deleted
UPDATE ended_count SET number = number - 1 WHERE definition = ? AND status = ?;

-- name: keep_tombstone
INSERT INTO deleted_saga (key, status, ended_at, deleted_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING;

-- name: find_tombstone
SELECT d.key, d.status, d.ended_at, d.deleted_at FROM deleted_saga AS d WHERE d.key = ?;

-- name: tombstones
SELECT d.key, d.status, d.ended_at, d.deleted_at FROM deleted_saga AS d WHERE d.key > ? ORDER BY d.key LIMIT ?;

-- name: take_portion
-- The first portion of all is not in the past: it begins now.
INSERT INTO quota (name, next_at) VALUES (:name, :now + :interval * :number)
ON CONFLICT (name) DO UPDATE SET next_at = max(next_at, :now - :interval * :number) + :interval * :number
RETURNING next_at - :interval * :number - :now;

-- name: queued_sagas
SELECT s.definition, s.version, count(*), min(s.started_at)
FROM saga AS s INDEXED BY saga_queued
WHERE s.turn_at IS NOT NULL
GROUP BY s.definition, s.version
ORDER BY s.definition, s.version;

-- name: claim_queued
-- Running from now on: what recovers sagas recovers these too.
UPDATE saga
SET owner = :owner, token = token + 1, status = 1, turn_at = NULL, wake_at = NULL
WHERE id IN (
    SELECT s.id
    FROM saga AS s INDEXED BY saga_queued
    WHERE s.definition = :definition AND s.turn_at IS NOT NULL
      AND (:served IS NULL OR EXISTS (
          SELECT *
          FROM json_each(:served) AS j
          WHERE json_extract(j.value, '$[0]') = s.definition AND json_extract(j.value, '$[1]') = s.version
      ))
    ORDER BY s.turn_at, s.id
    LIMIT :limit
)
RETURNING id, saga_id, token;

-- name: figures
-- Each grain by itself, a range of the primary key.
SELECT f.at - f.at % :step, f.definition, f.status, f.latency, f.code, f.command, sum(f.number)
FROM json_each(:grains) AS g CROSS JOIN figure AS f ON f.grain = g.value
WHERE f.at >= :since AND f.at < :until AND (:definition = '' OR f.definition = :definition)
GROUP BY 1, 2, 3, 4, 5, 6
HAVING sum(f.number) <> 0
ORDER BY 1, 2, 3, 4, 5, 6;

-- name: suspended_groups
SELECT s.definition, coalesce(f.command, ''), coalesce(f.code, ''), count(*), min(coalesce(f.since, s.started_at))
FROM saga AS s INDEXED BY saga_not_completed LEFT JOIN cause AS f ON f.saga = s.id
WHERE s.status = 6 AND s.status <> 3
GROUP BY 1, 2, 3
ORDER BY 5, 1, 2, 3;

-- name: without_cause
SELECT s.id, s.saga_id
FROM saga AS s INDEXED BY saga_not_completed LEFT JOIN cause AS f ON f.saga = s.id
WHERE s.status IN (4, 5, 6, 7) AND s.status <> 3 AND s.id > ? AND f.saga IS NULL
ORDER BY s.id
LIMIT ?;

-- name: note_cause
INSERT INTO cause (saga, code, command, message, since)
SELECT s.id, :code, :command, :message, :since FROM saga AS s WHERE s.saga_id = :saga_id
ON CONFLICT (saga) DO NOTHING
RETURNING saga;

-- name: rolled_back
SELECT s.definition, s.status, s.started_at, s.ended_at FROM saga AS s WHERE s.id = ? AND s.status IN (5, 7);

-- name: oldest_figure
SELECT min(f.at) FROM figure AS f WHERE f.grain = ? AND f.at < ?;

-- name: sum_figures
-- Those of one grain and of a time, to another grain and to times of so many nanoseconds.
INSERT INTO figure (grain, at, definition, status, latency, code, command, number)
SELECT :to, f.at - f.at % :step, f.definition, f.status, f.latency, f.code, f.command, sum(f.number)
FROM figure AS f
WHERE f.grain = :from AND f.at >= :since AND f.at < :until
GROUP BY 2, 3, 4, 5, 6, 7
ON CONFLICT DO UPDATE SET number = number + excluded.number;

-- name: drop_figures
DELETE FROM figure WHERE grain = :from AND at >= :since AND at < :until;

-- name: tell_event
INSERT INTO event (event_id, saga_id, definition, type, at, provisional, traceparent, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: events
SELECT e.position, e.event_id, e.saga_id, e.definition, e.type, e.at, e.provisional, e.traceparent, e.payload
FROM event AS e
WHERE e.position > :after AND (:until IS NULL OR e.position <= :until)
ORDER BY e.position
LIMIT :limit;

-- name: events_of_saga
SELECT e.position, e.event_id, e.saga_id, e.definition, e.type, e.at, e.provisional, e.traceparent, e.payload
FROM event AS e
WHERE e.saga_id = :saga_id AND e.position > :after AND (:until IS NULL OR e.position <= :until)
ORDER BY e.position
LIMIT :limit;

-- name: position_at
SELECT coalesce(
    (SELECT min(e.position) - 1 FROM event AS e WHERE e.at >= ?),
    (SELECT s.seq FROM sqlite_sequence AS s WHERE s.name = 'event'),
    0
);

-- name: sinks
-- The latest position is remembered also where the event was deleted.
SELECT s.name, s.position, s.owner, s.alive_until,
       coalesce((SELECT n.seq FROM sqlite_sequence AS n WHERE n.name = 'event'), 0) - s.position,
       (SELECT e.at FROM event AS e WHERE e.position > s.position ORDER BY e.position LIMIT 1),
       (SELECT count(*) FROM blocked_saga AS b WHERE b.sink = s.name),
       (SELECT count(*) FROM dead_letter AS d WHERE d.sink = s.name),
       s.failing_since, s.error
FROM sink AS s
ORDER BY s.name;

-- name: dead_letters
SELECT d.position, d.saga_id, d.attempts, d.first_failed_at, d.died_at, d.error, d.due_at
FROM dead_letter AS d
WHERE d.sink = ? AND d.position > ?
ORDER BY d.position
LIMIT ?;

-- name: claim_sink
INSERT INTO sink AS s (name, position, owner, token, alive_until, error)
VALUES (:sink, 0, :owner, 1, :now + :lease, '')
ON CONFLICT (name) DO UPDATE
SET owner = :owner,
    token = s.token + (s.owner IS NOT :owner OR s.alive_until <= :now),
    alive_until = :now + :lease
WHERE s.owner IS :owner OR s.alive_until <= :now
RETURNING token, position;

-- name: has_blocked
SELECT EXISTS (SELECT 1 FROM blocked_saga AS b WHERE b.sink = ?);

-- name: blocked_sagas
SELECT b.saga_id, b.position, b.attempts, b.first_failed_at, b.due_at, b.error
FROM json_each(?) AS w CROSS JOIN blocked_saga AS b ON b.saga_id = w.value
WHERE b.sink = ?;

-- name: waiting_sagas
SELECT b.saga_id, b.position, b.attempts, b.first_failed_at, b.due_at, b.error
FROM blocked_saga AS b
WHERE b.sink = ? AND b.due_at <= ?
ORDER BY b.attempts > 0, b.due_at, b.position
LIMIT ?;

-- name: retried_letters
SELECT d.position, d.saga_id, d.attempts, d.first_failed_at, d.died_at, d.error, d.due_at
FROM dead_letter AS d
WHERE d.sink = ? AND d.due_at IS NOT NULL
ORDER BY d.position;

-- name: advance_sink
UPDATE sink
SET position = :position, failing_since = :failing_since, error = :error
WHERE name = :sink AND token = :token
RETURNING token;

-- name: block_saga
INSERT INTO blocked_saga (sink, saga_id, position, attempts, first_failed_at, due_at, error)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sink, saga_id) DO UPDATE
SET position = excluded.position, attempts = excluded.attempts, first_failed_at = excluded.first_failed_at,
    due_at = excluded.due_at, error = excluded.error;

-- name: free_saga
DELETE FROM blocked_saga WHERE sink = ? AND saga_id = ?;

-- name: bury_event
INSERT INTO dead_letter (sink, position, saga_id, attempts, first_failed_at, died_at, error, due_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sink, position) DO UPDATE
SET attempts = excluded.attempts, died_at = excluded.died_at, error = excluded.error, due_at = excluded.due_at;

-- name: revive_event
DELETE FROM dead_letter WHERE sink = ? AND position = ?;

-- name: release_sink
UPDATE sink SET owner = NULL, alive_until = 0 WHERE name = ? AND owner = ?;

-- name: rewind_sink
-- Another token: what the relay that has the claim notes from now on does not count.
UPDATE sink
SET position = min(:position, coalesce((SELECT n.seq FROM sqlite_sequence AS n WHERE n.name = 'event'), 0)),
    owner = NULL, token = token + 1, alive_until = 0
WHERE name = :sink
RETURNING position;

-- name: unblock_after
DELETE FROM blocked_saga WHERE sink = ? AND position > ?;

-- name: unbury_after
DELETE FROM dead_letter WHERE sink = ? AND position > ?;

-- name: retry_dead_letters
UPDATE dead_letter
SET due_at = :now
WHERE sink = :sink AND (:positions IS NULL OR position IN (SELECT j.value FROM json_each(:positions) AS j))
RETURNING position;

-- name: forget_dead_letters
DELETE FROM dead_letter WHERE sink = ?;

-- name: forget_blocked_sagas
DELETE FROM blocked_saga WHERE sink = ?;

-- name: forget_sink
DELETE FROM sink WHERE name = ? RETURNING name;

-- name: delete_events
DELETE FROM event
WHERE position IN (
    SELECT e.position
    FROM event AS e
    WHERE e.at < :before
      AND e.position <= coalesce((SELECT min(s.position) FROM sink AS s), 9223372036854775807)
      AND NOT EXISTS (
          SELECT 1 FROM sink AS s CROSS JOIN dead_letter AS d ON d.sink = s.name AND d.position = e.position
      )
      AND NOT EXISTS (
          SELECT 1 FROM sink AS s CROSS JOIN blocked_saga AS b ON b.sink = s.name AND b.saga_id = e.saga_id
          WHERE b.position <= e.position
      )
    ORDER BY e.at
    LIMIT :limit
)
RETURNING position;

-- name: note_sink_act
INSERT INTO sink_act (sink, at, act, requested_by) VALUES (?, ?, ?, ?);

-- name: sink_acts
SELECT a.sink, a.at, a.act, a.requested_by FROM sink_act AS a WHERE a.sink = ? ORDER BY a.id DESC LIMIT ?;
