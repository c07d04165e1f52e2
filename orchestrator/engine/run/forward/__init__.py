"""A saga's code on its way forward: it is run, stopped by its deadline, and its end decided upon."""
