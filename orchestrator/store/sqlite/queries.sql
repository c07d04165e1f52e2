-- name: create_saga
INSERT INTO saga (saga_id, definition, version, status, sequence, owner, token, digest, started_at, ended_at, attributes)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, NULL, ?)
ON CONFLICT (saga_id) DO NOTHING
RETURNING id;

-- name: create_attribute
INSERT INTO attribute (name, value, saga) VALUES (?, ?, ?);

-- name: advance_saga
-- The fence and the sequence check: no row, no write.
UPDATE saga
SET sequence = ?, status = ?, ended_at = ?, owner = CASE WHEN ? THEN owner END
WHERE saga_id = ? AND owner = ? AND token = ? AND sequence = ?
RETURNING id;

-- name: append_entry
INSERT INTO entry (saga, sequence, kind, at, key, method, effect, attempt, started_at, payload, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: claim_of_saga
SELECT owner, token, sequence FROM saga WHERE saga_id = ?;

-- name: read_entries
SELECT e.kind, e.at, e.key, e.method, e.effect, e.attempt, e.started_at, e.payload, e.detail
FROM saga AS s JOIN entry AS e ON e.saga = s.id
WHERE s.saga_id = ?
ORDER BY e.sequence;

-- name: find_saga
SELECT id, saga_id, definition, version, status, digest, started_at, ended_at, attributes, sequence
FROM saga
WHERE saga_id = ?;

-- name: search_sagas
-- The placeholder stands for the conditions that the filter asks for.
SELECT s.id, s.saga_id, s.definition, s.version, s.status, s.digest, s.started_at, s.ended_at, s.attributes, s.sequence
FROM saga AS s %s
ORDER BY s.id DESC
LIMIT ?;

-- name: beat
INSERT INTO replica (owner, alive_until) VALUES (?, ?)
ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until;

-- name: claim_unfinished
UPDATE saga
SET owner = ?, token = token + 1
WHERE id IN (
    SELECT s.id
    FROM saga AS s
    WHERE s.status IN (1, 2, 4)
      AND (s.owner IS NULL OR s.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > ?))
    ORDER BY s.id
    LIMIT ?
)
RETURNING id, saga_id, token;

-- name: claim_suspended
UPDATE saga
SET owner = :owner, token = token + 1
WHERE saga_id = :saga_id AND status = 6
  AND (owner IS NULL OR owner = :owner OR owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > :now))
RETURNING saga_id, token;

-- name: release_sagas
UPDATE saga SET owner = NULL WHERE owner = ?;

-- name: forget_replica
DELETE FROM replica WHERE owner = ?;

-- name: forget_replicas
DELETE FROM replica;
