"""Results: what the verbs return, what it answers, and how it is saved and exported."""
