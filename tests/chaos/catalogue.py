"""All faults, by their names in the catalogue of failures."""

from tests.chaos import process_faults, store_faults, telegram_faults

CATALOGUE = (*process_faults.FAULTS, *store_faults.FAULTS, *telegram_faults.FAULTS)
