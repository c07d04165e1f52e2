"""Between the rows of a database and what the ports speak of; the same for every database."""
