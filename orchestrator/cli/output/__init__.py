"""How the commands show their results and end."""
