"""The Telegram simulator against its specification, and unmodified clients against it."""
