"""The pages, one module each: what each shows is gathered there, and how it looks is in its template."""
