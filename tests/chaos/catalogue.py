"""All faults, by their names in the catalogue of failures."""

from tests.chaos import crash_points, process_faults, store_faults, telegram_faults

CATALOGUE = (*crash_points.FAULTS, *process_faults.FAULTS, *store_faults.FAULTS, *telegram_faults.FAULTS)
