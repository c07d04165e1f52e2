"""How a recovered saga's code is given what its journal holds."""
