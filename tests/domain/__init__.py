"""The slices of the delivery engine: bots, dialogs, outbox, bus."""
