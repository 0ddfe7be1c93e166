"""What a second language is learned from: dictionaries and parallel texts, and texts in bulk."""
