-- name: create_saga
INSERT INTO saga (saga_id, definition, version, status, owner, token, digest, started_at, ended_at, attributes)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (saga_id) DO NOTHING;

-- name: create_attribute
INSERT INTO attribute (name, value, saga) VALUES (?, ?, ?);

-- name: append_chunk
INSERT INTO chunk (saga, sequence, entries) VALUES (?, ?, ?);

-- name: change_status
UPDATE saga SET status = ?, ended_at = ?, owner = ? WHERE id = ?;

-- name: held_saga
SELECT s.id, s.owner, s.token, s.status, coalesce((SELECT max(c.sequence) FROM chunk AS c WHERE c.saga = s.id), 0)
FROM saga AS s
WHERE s.saga_id = ?;

-- name: read_chunks
SELECT c.entries
FROM saga AS s JOIN chunk AS c ON c.saga = s.id
WHERE s.saga_id = ?
ORDER BY c.sequence;

-- name: search_sagas
-- %s stands for the conditions that the filter asks for.
SELECT s.id, s.saga_id, s.definition, s.version, s.status, s.digest, s.started_at, s.ended_at, s.attributes,
       coalesce((SELECT max(c.sequence) FROM chunk AS c WHERE c.saga = s.id), 0)
FROM saga AS s
%s
ORDER BY s.id DESC
LIMIT ?;

-- name: count_sagas
SELECT s.definition, s.status, count(*), min(s.started_at)
FROM saga AS s
GROUP BY s.definition, s.status
ORDER BY s.definition, s.status;

-- name: beat
INSERT INTO replica (owner, alive_until) VALUES (?, ?)
ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until;

-- name: claim_unfinished
UPDATE saga
SET owner = ?, token = token + 1
WHERE id IN (
    SELECT s.id
    FROM saga AS s INDEXED BY saga_not_completed
    WHERE s.status IN (1, 4) AND s.status <> 3
      AND (s.owner IS NULL OR s.owner NOT IN (SELECT r.owner FROM replica AS r WHERE r.alive_until > ?))
    ORDER BY s.id
    LIMIT ?
)
RETURNING id, saga_id, token;

-- name: claimed
SELECT saga_id, token
FROM saga INDEXED BY saga_not_completed
WHERE status IN (1, 4) AND status <> 3 AND owner = ?
ORDER BY id;

-- name: claim_resting
UPDATE saga
SET owner = :owner, token = token + 1
WHERE saga_id = :saga_id AND status IN (3, 6)
RETURNING saga_id, token;

-- name: release_sagas
UPDATE saga INDEXED BY saga_not_completed SET owner = NULL WHERE status <> 3 AND owner = ?;

-- name: mute_replica
-- It is remembered, and counts as silent: a negative instant is before every other.
UPDATE replica SET alive_until = -abs(alive_until) WHERE owner = ?;

-- name: mute_replicas
UPDATE replica SET alive_until = -abs(alive_until);

-- name: silent_replicas
SELECT owner, abs(alive_until) FROM replica WHERE alive_until <= ? ORDER BY owner;

-- name: forget_replica
DELETE FROM replica WHERE owner = ?;
