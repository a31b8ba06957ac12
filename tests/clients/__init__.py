"""The clients of domain.clients against servers that do what they should not."""
