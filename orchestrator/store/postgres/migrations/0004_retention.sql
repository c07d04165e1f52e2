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

-- Drops the partition of one month that is over and in which nothing is left; its name, or nothing where there is none.
-- Appends wait for it a fifth of a second at most. What might still come for that month, chunk_other takes.
CREATE FUNCTION drop_empty_partition() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    name text;
    is_filled boolean;
BEGIN
    PERFORM set_config('lock_timeout', '200ms', true);
    FOR name IN
        SELECT c.relname
        FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'chunk'::regclass AND c.relname ~ '^chunk_\d{4}_\d\d$'
          AND to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month 2 days'
              < to_timestamp(journal_now() / 1000000000.0) AT TIME ZONE 'UTC'
        ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
        IF NOT is_filled THEN
            BEGIN
                EXECUTE format('LOCK TABLE chunk, %I IN ACCESS EXCLUSIVE MODE', name);
                EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
                IF NOT is_filled THEN
                    EXECUTE format('DROP TABLE %I', name);
                    RETURN name;
                END IF;
            EXCEPTION
                WHEN lock_not_available OR undefined_table OR insufficient_privilege THEN NULL; -- another time
            END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
