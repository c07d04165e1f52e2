"""Who watches which saga, and how a replica learns what the others have done."""
