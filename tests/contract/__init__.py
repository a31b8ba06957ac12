"""What holds for the whole tree: SQL against the schema, sizes, settings and documents."""
