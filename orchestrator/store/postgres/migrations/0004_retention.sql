-- layout: 1
-- What is kept for ever of each saga that was deleted, by the first 16 bytes of the SHA-256 of its id.
CREATE TABLE deleted_saga (
    key        bytea    PRIMARY KEY CHECK (octet_length(key) = 16),
    status     smallint NOT NULL CHECK (status IN (3, 5, 7)),
    ended_at   bigint   NOT NULL,
    deleted_at bigint   NOT NULL
);

CREATE FUNCTION tombstone_of(saga_id text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(sha256(convert_to(saga_id, 'UTF8')), 1, 16)
$$;

-- No saga that was deleted is started again, by whichever version of the program: its row is left out, as one is that
-- is there already.
CREATE FUNCTION refuse_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM deleted_saga AS d WHERE d.key = tombstone_of(new.saga_id)) THEN
        RETURN NULL;
    END IF;
    RETURN new;
END
$$;

CREATE TRIGGER saga_refuse_deleted BEFORE INSERT ON saga FOR EACH ROW EXECUTE FUNCTION refuse_deleted();

-- A row of a saga that is being deleted waits for the end of that transaction, and had been looked for before it. Whoever
-- gets so far is told to try again, and then finds the tombstone.
CREATE FUNCTION refuse_just_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM started AS s JOIN deleted_saga AS d ON d.key = tombstone_of(s.saga_id)) THEN
        RAISE EXCEPTION 'a saga was deleted just now' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER saga_refuse_just_deleted AFTER INSERT ON saga
    REFERENCING NEW TABLE AS started FOR EACH STATEMENT EXECUTE FUNCTION refuse_just_deleted();
