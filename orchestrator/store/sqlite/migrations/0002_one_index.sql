-- One small index serves both questions, who must be advanced and what has not gone through: every index less is a page
-- less at every start and end.
DROP INDEX saga_unfinished;
DROP INDEX saga_open;
CREATE INDEX saga_not_completed ON saga (status) WHERE status <> 3;
