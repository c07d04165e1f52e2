-- layout: 1
-- What a deleted schedule was, and who did what to it; absent for those that were deleted before this was kept.
ALTER TABLE deleted_schedule ADD COLUMN revision bigint;
ALTER TABLE deleted_schedule ADD COLUMN document text;
CREATE INDEX deleted_schedule_name ON deleted_schedule (name, deleted_at);
