"""How the commands show what they have to say."""
