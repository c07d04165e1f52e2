-- layout: 1
-- Nothing: this number is another one's, who has not brought it yet.
SELECT 1;
