"""The schema on its way: from nothing, in phases, under running code."""
